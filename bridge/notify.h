/*
 * notify: tells a service manager how it stands (the sd_notify protocol of systemd: one datagram to
 * the socket named by NOTIFY_SOCKET).  Does nothing without one.
 */
#ifndef BRIDGE_NOTIFY_H
#define BRIDGE_NOTIFY_H

void notify_send(const char *state); /* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..." */

#endif
