/*
 * What pages for one person at one machine have in common: files that are part of the program, a one-time code instead of a password, sessions, and
 * answers that no other site's page can use. Nothing here looks at a clock: `now` is the caller's.
 *
 * A session is a token, which the page's own script keeps and sends in a header of ours. It is no cookie: those go to every port of a host (RFC 6265 8.5),
 * whoever listens there, and SameSite does not tell ports apart either. A page of another origin cannot send the header without asking first (Fetch 4.8,
 * the preflight), and nobody answers that question (decision 0049).
 */
#ifndef MST_TRANSPORT_LOCAL_PAGE_H
#define MST_TRANSPORT_LOCAL_PAGE_H

#include "crypto/crypto.h"
#include "transport/server.h"

#define MST_PAGE_CODE 8                  /* letters of a code, 40 bits */
#define MST_PAGE_CODE_SECONDS 600
#define MST_PAGE_SESSION_SECONDS 900     /* without a request */
#define MST_PAGE_SESSIONS 4
#define MST_PAGE_TOKEN 32                /* hex digits */
#define MST_PAGE_PATH 16                 /* letters, 80 bits */
#define MST_PAGE_HEADER "Muster-Page"
#define MST_PAGE_GUESSERS 8              /* so many addresses guess before the code is no more: 40 guesses of 2^40 */

struct mst_page_session { char token[MST_PAGE_TOKEN + 1]; mst_ms until; };
/*
 * `path`, where it is not empty: codes are taken at /PATH/session only. It is for loopback, where all have one address: no guess of whoever was not told
 * the path counts. It keeps nothing else back.
 */
struct mst_page_door {
	char path[MST_PAGE_PATH + 1];
	char code[MST_PAGE_CODE + 1];
	mst_ms code_until;
	struct { char address[64]; unsigned wrong; } guesser[MST_PAGE_GUESSERS];
	size_t n_guessers;
	struct mst_page_session session[MST_PAGE_SESSIONS];
};

/* False: no randomness. */
MST_MUST_CHECK bool mst_page_make_path(struct mst_page_door *p, struct mst_crypto *c);
/* May a code be taken at `target`? Without the path in front of it then. */
MST_MUST_CHECK bool mst_page_at_path(const struct mst_page_door *p, struct mst_view *target);
/* A code that was not used is replaced. False: no randomness. */
MST_MUST_CHECK bool mst_page_fresh_code(struct mst_page_door *p, struct mst_crypto *c, mst_ms now);
/* As people type it; used up when it is right. Whoever guesses takes it away from his own address first. */
MST_MUST_CHECK bool mst_page_code_is(struct mst_page_door *p, const struct mst_peer *peer, const char *typed, mst_ms now);
bool mst_page_may_guess(struct mst_page_door *p, const struct mst_peer *peer);
/* A session begins: the content of the answer, {"ok":true,"token":"…"}, to be wiped. False: no randomness. */
MST_MUST_CHECK bool mst_page_begin(struct mst_page_door *p, struct mst_crypto *c, mst_ms now, char ret_body[80]);
/* Of a session, which goes on? */
MST_MUST_CHECK bool mst_page_in_session(struct mst_page_door *p, const struct mst_http_msg *m, mst_ms now);
void mst_page_leave(struct mst_page_door *p, const struct mst_http_msg *m, mst_ms now);     /* the session ends that this is of */
bool mst_page_somebody(const struct mst_page_door *p, mst_ms now);
/*
 * A name in Host that is not this machine's is somebody else's page in the person's browser, which has made its name point here. An address or a
 * local name cannot be that.
 */
MST_MUST_CHECK bool mst_page_host_is_local(struct mst_view host);
/* May that request change something? A form of another site cannot send this type without asking first; nobody answers that question. */
MST_MUST_CHECK bool mst_page_is_json(const struct mst_http_msg *m);

/* `room` holds the whole answer, and nothing of it afterwards. */
struct mst_page_answer { int status; const char *media; struct mst_view body; };
void mst_page_answer(struct mst_conn *c, const struct mst_page_answer *a, uint8_t *room, size_t cap);

/* Made of the program's files by tools/embed. */
struct mst_page_file { const char *path, *media; const unsigned char *p; size_t n; };
extern const struct mst_page_file mst_page_files[];
extern const size_t mst_page_n_files;
/* One of them was asked for: answered. */
MST_MUST_CHECK bool mst_page_serve_file(struct mst_conn *c, struct mst_view method, struct mst_view target, const struct mst_page_file *files, size_t n,
					uint8_t *room, size_t cap);

#endif
