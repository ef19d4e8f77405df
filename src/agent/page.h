/*
 * The agent's local page: what a technician with a phone sees and says (architecture 3.3). HTTP on loopback, or
 * HTTPS with a key of this run on an interface of choice. Nothing but the empty page is given or taken before the
 * one-time code was entered.
 *
 *   GET  /  /page.js  /page.css                      the page itself
 *   POST /session   {"code":"…"}, on loopback /PATH/session (local-page.h)
 *                                                    → {"ok":true,"token":"…"}, which whatever follows says in
 *                                                       the header Muster-Page; the code is used up
 *   POST /leave     {}                               → {"ok":true}; that session has ended
 *   GET  /status                                     → status_json()
 *   POST /trigger   {} | {"text":"…"}                → {"ok":true,"attempt":"…"}; text: an FQDN, a URI, a sequence
 *                                                       in JSON, or "MUSTER:" and its CBOR in base64url (a QR code)
 *   POST /place     {"latitude":…, "longitude":…, "accuracy":…, "site":"…"}, as in a briefing → {"ok":true}
 */
#ifndef AGENT_PAGE_H
#define AGENT_PAGE_H

#include "agent/agent.h"
#include "transport/local-page.h"

MST_MUST_CHECK int page_open(struct agent *a);       /* does nothing when setting `page` is empty */
void page_close(struct agent *a);
/* A fresh code, which replaces one that was not used; {"url":…, "code":…, "certificate":…} or a refusal. */
json_t *page_code(struct agent *a);

/* page-text.c: what people paste or scan. 0, or a positive prov_reason with `d`. */
MST_MUST_CHECK int page_text_to_cbor(struct mst_view text, uint8_t *out, size_t cap, size_t *ret_n,
				     struct mst_diag *d);

#endif
