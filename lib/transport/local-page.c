/* Code, sessions and answers of pages for one person: local-page.h. */
#include "transport/local-page.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "base/text.h"
#include "transport/address.h"

#define GUESSES 5                        /* from one address; then a new code is needed there */

/* No I, L, O, U: nobody reads them wrong (Crockford's base 32). */
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static bool random_letters(struct mst_crypto *c, char *out, size_t n)
{
	uint8_t b[MST_PAGE_PATH];

	if (n > sizeof(b) || c->ops->random(c, b, n))
		return false;
	for (size_t i = 0; i < n; i++)
		out[i] = letters[b[i] % 32];
	mst_wipe(b, sizeof(b));
	return true;
}

bool mst_page_make_path(struct mst_page_door *p, struct mst_crypto *c)
{
	return random_letters(c, p->path, MST_PAGE_PATH);
}

bool mst_page_at_path(const struct mst_page_door *p, struct mst_view *target)
{
	struct mst_view said = mst_view_sub(*target, 1, MST_PAGE_PATH), rest = mst_view_sub(*target, 1 + MST_PAGE_PATH, target->n);

	if (!p->path[0])
		return true;
	if (!mst_view_starts(*target, "/") || !mst_view_starts(rest, "/") || !mst_ct_equal(said, (struct mst_view){ (const uint8_t *)p->path, MST_PAGE_PATH }))
		return false;
	*target = rest;
	return true;
}

bool mst_page_fresh_code(struct mst_page_door *p, struct mst_crypto *c, mst_ms now)
{
	if (!random_letters(c, p->code, MST_PAGE_CODE))
		return false;
	p->n_guessers = 0;
	p->code_until = now + MST_PAGE_CODE_SECONDS * 1000;
	return true;
}

static void drop_code(struct mst_page_door *p)
{
	mst_wipe(p->code, sizeof(p->code));
}

/* As people type it: small letters, blanks and hyphens, O for 0, I and L for 1. */
static void code_spelling(const char *typed, char out[MST_PAGE_CODE + 1])
{
	size_t n = 0;

	memset(out, 0, MST_PAGE_CODE + 1);
	for (; *typed && n < MST_PAGE_CODE; typed++) {
		char c = *typed >= 'a' && *typed <= 'z' ? (char)(*typed - 'a' + 'A') : *typed;

		if (c == ' ' || c == '-')
			continue;
		out[n++] = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
	}
}

/* How often this address has guessed wrong; NULL when there is no room for one more. Its port says nothing. */
static unsigned *wrong_from(struct mst_page_door *p, const struct mst_peer *peer)
{
	char host[sizeof(p->guesser[0].address)] = "";
	uint16_t port;
	size_t i = 0;

	if (!address_split(peer->address, host, sizeof(host), &port))
		host[0] = '\0';
	while (i < p->n_guessers && strcmp(p->guesser[i].address, host) != 0)
		i++;
	if (i == MST_PAGE_GUESSERS)
		return NULL;
	if (i == p->n_guessers) {
		memcpy(p->guesser[i].address, host, sizeof(host));
		p->guesser[i].wrong = 0;
		p->n_guessers++;
	}
	return &p->guesser[i].wrong;
}

/* Whoever guesses takes the code away from himself, not from the technician: not before many do it together. */
bool mst_page_code_is(struct mst_page_door *p, const struct mst_peer *peer, const char *typed, mst_ms now)
{
	unsigned *wrong = wrong_from(p, peer);
	char spelt[MST_PAGE_CODE + 1];
	bool good;

	if (!p->code[0] || now >= p->code_until || !wrong) {
		drop_code(p);
		return false;
	}
	if (*wrong >= GUESSES)
		return false;
	code_spelling(typed, spelt);
	good = mst_ct_equal((struct mst_view){ (uint8_t *)spelt, MST_PAGE_CODE },
			    (struct mst_view){ (uint8_t *)p->code, MST_PAGE_CODE });
	mst_wipe(spelt, sizeof(spelt));
	if (good)
		drop_code(p);
	else
		++*wrong;
	return good;
}

bool mst_page_may_guess(struct mst_page_door *p, const struct mst_peer *peer)
{
	const unsigned *wrong = wrong_from(p, peer);

	return p->code[0] && wrong && *wrong < GUESSES;
}

bool mst_page_begin(struct mst_page_door *p, struct mst_crypto *c, mst_ms now, char ret_body[80])
{
	size_t at = 0;
	struct mst_writer w;
	uint8_t b[MST_PAGE_TOKEN / 2];

	for (size_t i = 1; i < MST_PAGE_SESSIONS; i++)
		if (p->session[i].until < p->session[at].until)
			at = i;                  /* unused, or the one that was silent longest */
	if (c->ops->random(c, b, sizeof(b)))
		return false;
	w = mst_writer_of(p->session[at].token, sizeof(p->session[at].token));
	mst_put_hex(&w, (struct mst_view){ b, sizeof(b) });
	mst_put_nul(&w);
	mst_wipe(b, sizeof(b));
	p->session[at].until = now + MST_PAGE_SESSION_SECONDS * 1000;
	snprintf(ret_body, 80, "{\"ok\":true,\"token\":\"%s\"}", p->session[at].token);
	return true;
}

static struct mst_page_session *session_of(struct mst_page_door *p, const struct mst_http_msg *m, mst_ms now)
{
	struct mst_view token = mst_http_find(m, MST_PAGE_HEADER);
	struct mst_page_session *found = NULL;

	for (size_t i = 0; token.n == MST_PAGE_TOKEN && i < MST_PAGE_SESSIONS; i++)
		if (p->session[i].until > now && mst_ct_equal(token, (struct mst_view){ (uint8_t *)p->session[i].token, MST_PAGE_TOKEN }))
			found = &p->session[i];
	return found;
}

bool mst_page_in_session(struct mst_page_door *p, const struct mst_http_msg *m, mst_ms now)
{
	struct mst_page_session *s = session_of(p, m, now);

	if (s)
		s->until = now + MST_PAGE_SESSION_SECONDS * 1000;
	return s != NULL;
}

void mst_page_leave(struct mst_page_door *p, const struct mst_http_msg *m, mst_ms now)
{
	struct mst_page_session *s = session_of(p, m, now);

	if (s)
		mst_wipe(s, sizeof(*s));
}

bool mst_page_somebody(const struct mst_page_door *p, mst_ms now)
{
	for (size_t i = 0; i < MST_PAGE_SESSIONS; i++)
		if (p->session[i].until > now)
			return true;
	return false;
}

bool mst_page_host_is_local(struct mst_view host)
{
	char text[300], whole[304], name[300];
	uint16_t port;

	if (!mst_view_to_str(host, text, sizeof(text)) || !*text)
		return false;
	snprintf(whole, sizeof(whole), "%s%s", text, !strchr(text, ':') || text[strlen(text) - 1] == ']' ? ":80" : "");
	if (!address_split(whole, name, sizeof(name), &port))
		return false;
	return !strcasecmp(name, "localhost") || mst_view_ends(mst_view_str(name), ".local") ||
	       strspn(name, "0123456789.") == strlen(name) || strchr(name, ':');
}

bool mst_page_is_json(const struct mst_http_msg *m)
{
	return mst_view_starts(mst_http_find(m, "Content-Type"), "application/json");
}

#define SAFE "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "        \
	"img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"                      \
	"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"                      \
	"Cross-Origin-Opener-Policy: same-origin\r\n"

void mst_page_answer(struct mst_conn *c, const struct mst_page_answer *a, uint8_t *room, size_t cap)
{
	struct mst_writer w = mst_writer_of(room, cap);
	bool keep = mst_conn_keep_alive(c);
	char head[1024];

	snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n" SAFE "Content-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", a->status,
		 a->status < 300 ? "OK" : "Refused", a->media, a->body.n, keep ? "" : "Connection: close\r\n");
	mst_put_str(&w, head);
	mst_put(&w, a->body);
	mst_conn_answer(c, mst_written(&w), !keep);
	mst_wipe(room, mst_written(&w).n);
}

bool mst_page_serve_file(struct mst_conn *c, struct mst_view method, struct mst_view target, const struct mst_page_file *files, size_t n,
			 uint8_t *room, size_t cap)
{
	for (size_t i = 0; mst_view_eq_str(method, "GET") && i < n; i++) {
		if (!mst_view_eq_str(target, files[i].path))
			continue;
		mst_page_answer(c, &(struct mst_page_answer){ 200, files[i].media, { files[i].p, files[i].n } }, room, cap);
		return true;
	}
	return false;
}
