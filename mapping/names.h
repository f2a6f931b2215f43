/*
 * names: the XML namespaces that the mapping knows.
 */
#ifndef MAPPING_NAMES_H
#define MAPPING_NAMES_H

/* 2001 */
#define NS_ENVELOPE  "jabber:x:envelope"
#define NS_X_OOB     "jabber:x:oob"       /* XEP-0066 */
#define NS_X_EXPIRE  "jabber:x:expire"    /* XEP-0023 */
#define NS_X_DELAY   "jabber:x:delay"     /* XEP-0091 */
#define NS_X_EVENT   "jabber:x:event"     /* XEP-0022 */
#define NS_X_ENCRYPT "jabber:x:encrypted" /* XEP-0027 */
#define NS_X_SIGNED  "jabber:x:signed"    /* XEP-0027 */
#define NS_X_ROSTER  "jabber:x:roster"    /* XEP-0093 */

/* later */
#define NS_ADDRESS      "http://jabber.org/protocol/address" /* XEP-0033 */
#define NS_DELAY        "urn:xmpp:delay"                     /* XEP-0203 */
#define NS_STYLING      "urn:xmpp:styling:0"                 /* XEP-0393 */
#define NS_SID          "urn:xmpp:sid:0"                     /* XEP-0359 */
#define NS_REPLY        "urn:xmpp:reply:0"                   /* XEP-0461 */
#define NS_FALLBACK     "urn:xmpp:fallback:0"
#define NS_FALLBACK_OLD "urn:xmpp:feature-fallback:0"        /* XEP-0428 before 0.2 */
#define NS_ROSTERX      "http://jabber.org/protocol/rosterx" /* XEP-0144 */
#define NS_NICK         "http://jabber.org/protocol/nick"
#define NS_RECEIPTS     "urn:xmpp:receipts"              /* XEP-0184 */
#define NS_MARKERS      "urn:xmpp:chat-markers:0"        /* XEP-0333 */
#define NS_AMP          "http://jabber.org/protocol/amp" /* XEP-0079 */
#define NS_CHATSTATES   "http://jabber.org/protocol/chatstates"
#define NS_XHTML_IM     "http://jabber.org/protocol/xhtml-im" /* XEP-0071 */
#define NS_XHTML        "http://www.w3.org/1999/xhtml"
#define NS_SHIM         "http://jabber.org/protocol/shim" /* XEP-0131 */
#define NS_CORRECT      "urn:xmpp:message-correct:0"      /* XEP-0308 */
#define NS_REACTIONS    "urn:xmpp:reactions:0"            /* XEP-0444 */
#define NS_RETRACT      "urn:xmpp:message-retract:1"      /* XEP-0424 */
#define NS_HINTS        "urn:xmpp:hints"
#define NS_PUBSUB_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_EME          "urn:xmpp:eme:0"           /* XEP-0380 */
#define NS_SFS          "urn:xmpp:sfs:0"           /* XEP-0447 */
#define NS_FILE         "urn:xmpp:file:metadata:0" /* XEP-0446 */
#define NS_URL_DATA     "http://jabber.org/protocol/url-data"
#define NS_HASHES       "urn:xmpp:hashes:2" /* XEP-0300 */
#define NS_OMEMO        "urn:xmpp:omemo:2"
#define NS_OMEMO_1      "urn:xmpp:omemo:1"
#define NS_AXOLOTL      "eu.siacs.conversations.axolotl"
#define NS_VCARD_TEMP   "vcard-temp"         /* XEP-0054 */
#define NS_OX           "urn:xmpp:openpgp:0" /* XEP-0373 */

#endif
