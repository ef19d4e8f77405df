/* naf.h: when the lists of --crls end. No file can be read any more by then, so it is told early enough to start anew with others. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "naf/naf.h"

#define LOOK_AT_LEAST_S 3600              /* the system's clock may be set, or have stood still */

enum told { NOTHING, SOON, ENDED };
struct naf_watch {
	const struct naf_settings *s;
	struct naf_zn *zn;
	struct event *timer;
	enum told told[NAF_PEM_MAX];
};

static enum told state_of(const struct naf_list *l, mst_time now)
{
	return l->until < now ? ENDED : l->soon <= now ? SOON : NOTHING;
}

static void tell(const struct naf_settings *s, const struct naf_list *l, enum told state)
{
	char until[17] = "";
	struct mst_writer w = mst_writer_of(until, sizeof(until) - 1);

	mst_put_timestamp(&w, l->until);
	naf_say(s, "list", "state", state == ENDED ? "ended" : "ends soon", "until", until, "remedy",
		"put the issuer's current list into the file of --crls and start muster-naf anew; without one the BSF is not asked", NULL);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
	struct naf_watch *w = arg;
	struct timeval next = { LOOK_AT_LEAST_S, 0 };
	mst_time now = (mst_time)time(NULL);
	bool ended = false;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < w->s->n_lists; i++) {
		const struct naf_list *l = &w->s->list[i];
		enum told state = state_of(l, now);
		mst_time left = (state == NOTHING ? l->soon : l->until + 1) - now;

		if (state > w->told[i]) {
			tell(w->s, l, state);
			ended = ended || state == ENDED;
		}
		w->told[i] = state;
		if (state != ENDED && left < next.tv_sec)
			next.tv_sec = left > 0 ? (time_t)left : 1;
	}
	/* who was judged by it is judged again */
	if (ended)
		naf_zn_anew(w->zn);
	(void)evtimer_add(w->timer, &next);
}

struct naf_watch *naf_watch_new(struct event_base *base, const struct naf_settings *s, struct naf_zn *z)
{
	struct naf_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
	w->zn = z;
	w->timer = evtimer_new(base, look, w);
	if (!w->timer)
		return naf_watch_free(w);
	if (s->n_lists)
		look(-1, 0, w);
	return w;
}

struct naf_watch *naf_watch_free(struct naf_watch *w)
{
	if (w && w->timer)
		event_free(w->timer);
	free(w);
	return NULL;
}
