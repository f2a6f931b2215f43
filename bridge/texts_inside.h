/*
 * texts_inside: the tables of texts, one for each language.
 */
#ifndef BRIDGE_TEXTS_INSIDE_H
#define BRIDGE_TEXTS_INSIDE_H

#include "bridge/texts.h"

extern const char *const texts_en[TEXT_COUNT], *const texts_de[TEXT_COUNT],
                                                   *const texts_zh[TEXT_COUNT];

#endif
