/*
 * texts_inside: the tables of texts, one for each language.
 */
#ifndef BRIDGE_PEOPLE_TEXTS_INSIDE_H
#define BRIDGE_PEOPLE_TEXTS_INSIDE_H

#include "bridge/people/texts.h"

extern const char *const texts_en[TEXT_COUNT], *const texts_de[TEXT_COUNT],
                                                   *const texts_zh[TEXT_COUNT];

#endif
