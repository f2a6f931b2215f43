/*
 * html_style: what the style sheets within a page hide.  Pure; any thread.
 */
#ifndef MAPPING_TEXT_HTML_STYLE_H
#define MAPPING_TEXT_HTML_STYLE_H

#include <libxml/tree.h>

/* Gives the attribute `hidden` to every element that a rule of a <style> hides by a class or an id
 * alone (".preview { display: none }"), unless its own style says how it is displayed. */
void html_style_apply(xmlDoc *doc);

#endif
