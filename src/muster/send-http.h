/* The sendsms form of Kannel, which many gateways speak: one GET, over loopback. */
#ifndef MUSTER_SEND_HTTP_H
#define MUSTER_SEND_HTTP_H

#include "send.h"

/* "http://host[:port]/path"; nothing else. */
bool http_url_split(const char *url, char *ret_host, size_t host_cap, unsigned *ret_port, char *ret_path, size_t path_cap);
int http_sms(const struct sms_way *w, const char *number, struct mst_view octets, const char *text_form);

#endif
