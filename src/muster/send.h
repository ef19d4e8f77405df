/*
 * Ways out for a pushed trigger: a datagram, or a short message by what DIR/trigger.conf names. The daemon needs no
 * network outwards for it: this command sends.
 */
#ifndef MUSTER_SEND_H
#define MUSTER_SEND_H

#include "muster.h"

struct sms_way {
	enum { SMS_OUTBOX, SMS_INJECT, SMS_HTTP } method;
	bool binary;                     /* 8-bit coding, where the way can carry it */
	char outbox[4096];               /* files backend of gammu-smsd */
	char gammu_config[4096];         /* gammu-smsd-inject -c */
	char host[256], path[1024];      /* of an HTTP gateway: sendsms as Kannel has it */
	unsigned port;
	char username[128], password[128], from[64];
};
/* The group `sms` of DIR/trigger.conf. Exit status; explains itself. */
int sms_way_read(const struct muster *m, struct sms_way *ret_w);
void sms_way_wipe(struct sms_way *w);
/* `octets` the trigger, `text` its text form or "" when that is too long for one message. Exit status. */
int sms_send(const struct sms_way *w, const char *number, struct mst_view octets, const char *text);
/* "host:port", UDP. */
int datagram_send(const char *to, struct mst_view octets);
bool datagram_address_good(const char *to);
/* "+", then 4 to 20 digits. */
bool number_good(const char *text);

#endif
