/*
 * deliver_mail: mail in the queue goes to the relay, and what became of each recipient is written
 * down. Loop thread.
 */
#ifndef BRIDGE_TO_MAIL_DELIVER_MAIL_H
#define BRIDGE_TO_MAIL_DELIVER_MAIL_H

#include "bridge/courier.h"

/* A courier_deliver_fn; arg is the gateway. */
bool deliver_mail(struct parcel *p, void *arg);

#endif
