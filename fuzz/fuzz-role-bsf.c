/*
 * A dialogue → the BSF with the real keeper, over a real store; one thing that happens a line, by its first letter:
 *
 *   u TEXT   the header Authorization of a request        a TEXT   the challenge's digest without a password, and auts=TEXT
 *   w TEXT   the challenge, answered with this password   r        the challenge, answered with RES
 *   h TEXT   the HSS: a vector and these settings         e DIGIT  the HSS: an end of another kind
 *   s        the last answer with a digest, again         f TEXT   where the next ones come from
 *   t DIGITS so many seconds pass
 *
 * Whatever comes: a session only for who knows RES, one for each time; the HSS is asked by who may; and all of it ends by the clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "role/test-bsf-rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool is_up;

static void tidy(void)
{
	(void)!down(NULL);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void set_up(void)
{
	up(NULL);
	g.conf.gba.lifetime = 3600;
	is_up = !atexit(tidy);
}

static int the_hss(char what, const char *text, uint8_t n)
{
	struct mst_fetch_result f = from_hss(text, n);

	if (what == 'e') {
		f.end = (enum mst_fetch_end)((unsigned)text[0] % 10);
		f.text = MST_VIEW_NONE;
	}
	return turn(&mst_role_bsf, &f);
}

/* A line's letter and text, when it can happen now; the status of what comes of it, or 0. */
static int happens(char what, const char *text, uint8_t n)
{
	const bool challenged = g.a.rsc == 401, asked = g.a.wants_fetch;
	static char line[2048];         /* what is asked stays: the BSF goes on with it when the HSS has answered */
	uint64_t seconds;

	switch (what) {
	case 'u':
		snprintf(line, sizeof(line), "%s", text);
		return ub(line);
	case 'r': return challenged ? ub(answer(NULL)) : 0;
	case 's': return g.text[0] ? ub(g.text) : 0;
	case 'w': return challenged ? ub(answer(text)) : 0;
	case 'a':
		if (challenged)
			snprintf(line, sizeof(line), "%s, auts=\"%.600s\"", answer(""), text);
		return challenged ? ub(line) : 0;
	case 'h':
	case 'e': return asked ? the_hss(what, text, n) : 0;
	case 't':
		g.now += mst_parse_dec(mst_view_str(text), 7200, &seconds) ? (mst_time)seconds : 1;
		return 0;
	default: return 0;
	}
}

static void judge(char what, int status, int before)
{
	int now = sessions();

	if (g.a.wants_fetch)
		must(status == -1 && strchr("urwas", what) && g.a.fetch.kind == MST_FETCH_ZH && (!g.a.fetch.resync || what == 'a') && g.a.fetch.ue_id[0]);
	else
		must(status >= 200 && status <= 599 && (status == 401) == (strstr(g.a.headers, "nonce=\"") && !strstr(g.a.headers, "rspauth")));
	must((status == 200) == (strstr(g.a.headers, "rspauth=\"") != NULL));
	must(status != 200 || what == 'r' || what == 's');
	must(what == 'r' && status == 200 ? now <= before + 1 : now <= before);
}

static void until_all_has_ended(void)
{
	struct mst_clocked c = { 0 };
	struct mst_role_env e;

	g.now += 7200;
	e = env();
	do {
		c.more = false;
		must(!mst_store_begin(g.store) && !mst_role_bsf.clock(&e, &c) && !mst_store_commit(g.store));
	} while (c.more);
	must(sessions() == 0);
	g.from = NULL;
	g.text[0] = 0;
	g.a = (struct mst_answer){ 0 };
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	static char text[1200], from[64];

	if (!is_up)
		set_up();
	for (uint8_t i = 0; in.n && i < 40; i++) {
		struct mst_view line = mst_view_sub(in, 0, mst_view_find(in, '\n'));
		int status, before = sessions();

		in = mst_view_sub(in, line.n + 1, in.n);
		if (line.n < 1 || !mst_view_to_str(mst_view_sub(line, 2, line.n), text, sizeof(text)))
			continue;
		if (line.p[0] == 'f') {
			snprintf(from, sizeof(from), "%.63s", text);
			g.from = from;
			continue;
		}
		status = happens((char)line.p[0], text, i);
		if (status)
			judge((char)line.p[0], status, before);
	}
	until_all_has_ended();
	return 0;
}
