#include "agent/card-int.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "proto/gba/digest.h"

#define PIN_BLOB "pin-refused"               /* SHA-256 of a PIN that a card did not take: it is not tried again */

struct agent_card {
	int fd[2];
	struct event *back, *deadline;
	struct card_work *work;      /* the one that a thread has, or that waits to be told */
	bool asked;                  /* somebody waits */
	bool waits;                  /* for a thread that somebody gave up: then `question` is asked */
	struct card_question question;
	card_done *done;
};

int card_self_test(struct agent *a)
{
	const char *which = NULL;
	int r = card_there(&a->cfg) ? aka_self_test(a->crypto, &which) : 0;

	if (!r && card_there(&a->cfg))
		r = gba_self_test(a->crypto, &which);
	if (r)
		agent_log(a, AGENT_ERROR, "self-test", "failed", which, NULL);
	return r > 0 ? MST_FAULT_CRYPTO : r;
}

enum prov_reason card_reason(int r)
{
	static const enum prov_reason of[] = {
		[0] = PROV_OK, [MST_CARD_NO_READER] = PROV_NO_READER, [MST_CARD_NO_CARD] = PROV_NO_CARD, [MST_CARD_NO_APP] = PROV_NO_APPLICATION,
		[MST_CARD_PIN] = PROV_CARD_PIN, [MST_CARD_PIN_WRONG] = PROV_CARD_PIN, [MST_CARD_MAC] = PROV_FALSE_NETWORK,
		[MST_CARD_STALE] = PROV_CARD_SYNC, [MST_CARD_NO_GBA] = PROV_NO_APPLICATION, [MST_CARD_NO_KEY] = PROV_NO_CARD,
		[MST_CARD_ODD] = PROV_NO_CARD,
	};

	return r == MST_FAULT_CONFIG ? PROV_UNSUPPORTED : r >= 0 && r < (int)MST_COUNT(of) ? of[r] : PROV_INTERNAL;
}

void card_words(const struct card_reply *r, char *out, size_t cap)
{
	const char *text = r->d.text[0] ? r->d.text : r->r < 0 ? mst_fault_text(r->r) : "the card does not do it";

	snprintf(out, cap, "%s%s%s", r->d.field, r->d.field[0] ? ": " : "", text);
}

static void free_work(struct card_work *w)
{
	if (w)
		mst_wipe(w, sizeof(*w));
	free(w);
}

/* --- the PIN --- */

/* True when a card has refused this very PIN already: the third time would block it. */
static bool refused_before(struct agent *a, const struct mst_key *pin)
{
	uint8_t kept[MST_SHA256_LEN], now[MST_SHA256_LEN];
	size_t n = 0;

	return pin->n && !a->env->ops->load_blob(a->env, PIN_BLOB, kept, sizeof(kept), &n, NULL) && n == sizeof(kept) &&
	       !a->crypto->ops->sha256(a->crypto, mst_key_view(pin), now) && !memcmp(kept, now, sizeof(now));
}

static void note_refused(struct agent *a, const struct mst_key *pin)
{
	uint8_t sha[MST_SHA256_LEN];

	if (pin->n && !a->crypto->ops->sha256(a->crypto, mst_key_view(pin), sha) &&
	    a->env->ops->store_blob(a->env, PIN_BLOB, (struct mst_view){ sha, sizeof(sha) }, NULL))
		agent_log(a, AGENT_WARN, "pin-not-noted", NULL);
}

/* --- there and back --- */

static void *in_thread(void *arg)
{
	struct card_work *w = arg;
	int fd = w->fd;

	card_work(w);
	/* from here on it is the loop's */
	while (write(fd, "", 1) < 0)
		;
	return NULL;
}

static int start_thread(struct card_work *w)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t t;
	int r;

	if (pthread_attr_init(&attr))
		return MST_FAULT_MEMORY;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);   /* signals are the loop's */
	r = pthread_create(&t, &attr, in_thread, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return r ? MST_FAULT_MEMORY : 0;
}

/* Loads what the settings name, which is the loop's to read, and hands it over. */
static int begin(struct agent *a, const struct card_question *q, struct card_work *w)
{
	int r;

	w->cfg = a->cfg;
	w->crypto = a->crypto;
	w->question = *q;
	w->fd = a->card->fd[1];
	r = card_load_pin(&a->cfg, &w->pin, &w->reply.d);
	if (!r && refused_before(a, &w->pin)) {
		mst_diag_set(&w->reply.d, 0, "PIN", "a card has refused this one; it is not tried again. Correct the file that card.pin_file names", NULL);
		r = MST_CARD_PIN_WRONG;
	}
	if (r || a->cfg.card_kind != AGENT_CARD_SOFTWARE)
		return r ? r : start_thread(w);
	r = card_load_keys(&a->cfg, a->crypto, &w->keys, &w->reply.d);
	if (!r) {
		w->env = a->env;
		card_work(w);
		r = w->reply.r;
	}
	w->reply.r = r;
	return write(w->fd, "", 1) == 1 ? 0 : MST_FAULT_IO;
}

static void deadline(struct agent *a, bool on)
{
	struct timeval tv = { .tv_sec = a->cfg.card_timeout };

	if (on)
		evtimer_add(a->card->deadline, &tv);
	else
		evtimer_del(a->card->deadline);
}

static void tell(struct agent *a, const struct card_reply *r)
{
	struct agent_card *k = a->card;
	card_done *done = k->done;

	k->asked = k->waits = false;
	deadline(a, false);
	done(a, r);
}

static void start(struct agent *a)
{
	struct agent_card *k = a->card;
	struct card_work *w = mst_heap_locked(sizeof(*w));
	int r = w ? begin(a, &k->question, w) : MST_FAULT_MEMORY;

	k->waits = false;
	if (!r) {
		k->work = w;
		return;
	}
	/* not begun: told from the loop, with the words that there are */
	if (w) {
		w->reply.r = r;
		k->work = w;
		if (write(k->fd[1], "", 1) == 1)
			return;
		k->work = NULL;
	}
	free_work(w);
	agent_log(a, AGENT_ERROR, "card", "why", mst_fault_text(r < 0 ? r : MST_FAULT_IO), NULL);    /* the deadline tells who waits */
}

static void on_back(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	struct agent_card *k = a->card;
	struct card_work *w = k->work;
	uint8_t octet;

	(void)what;
	if (read(fd, &octet, 1) != 1 || !w)
		return;
	k->work = NULL;
	if (w->reply.r == MST_CARD_PIN_WRONG)
		note_refused(a, &w->pin);
	if (k->asked && !k->waits && !w->abandoned)
		tell(a, &w->reply);
	free_work(w);
	if (a->card->waits && !a->card->work)
		start(a);
	agent_turn(a);
}

/* A card that does not come back is an outcome. Its thread stays with it, and nothing else is asked until it is back. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	static const char *const words[] = { "does not answer; take it out and put it in again, or start its reader or modem anew",
					     "has not come back from an earlier question; start its reader or modem anew, then the agent" };
	struct card_reply r = { .r = MST_CARD_NO_CARD };
	struct agent *a = arg;
	struct agent_card *k = a->card;

	(void)fd;
	(void)what;
	if (!k->asked)
		return;
	mst_diag_set(&r.d, 0, "card", words[k->waits], NULL);
	if (k->work)
		k->work->abandoned = true;
	tell(a, &r);
	agent_turn(a);
}

static int make(struct agent *a)
{
	struct agent_card *k = calloc(1, sizeof(*k));

	if (!k)
		return MST_FAULT_MEMORY;
	k->fd[0] = k->fd[1] = -1;
	a->card = k;
	if (pipe2(k->fd, O_CLOEXEC) || fcntl(k->fd[0], F_SETFL, O_NONBLOCK))
		return MST_FAULT_IO;
	k->back = event_new(a->base, k->fd[0], EV_READ | EV_PERSIST, on_back, a);
	k->deadline = evtimer_new(a->base, on_deadline, a);
	return k->back && k->deadline && !event_add(k->back, NULL) ? 0 : MST_FAULT_MEMORY;
}

int card_ask(struct agent *a, const struct card_question *q, card_done *done)
{
	int r = a->card ? 0 : make(a);

	if (r) {
		card_free(a);
		return r;
	}
	a->card->question = *q;
	a->card->done = done;
	a->card->asked = true;
	a->card->waits = a->card->work != NULL;
	deadline(a, true);
	if (!a->card->waits)
		start(a);
	return 0;
}

void card_forget(struct agent *a)
{
	struct agent_card *k = a->card;

	if (!k)
		return;
	k->asked = k->waits = false;
	if (k->work)
		k->work->abandoned = true;
	deadline(a, false);
}

void card_free(struct agent *a)
{
	struct agent_card *k = a->card;
	uint8_t octet;

	a->card = NULL;
	if (!k)
		return;
	if (k->back)
		event_free(k->back);
	if (k->deadline)
		event_free(k->deadline);
	/* its answer has come, and nobody has read it */
	if (k->work && read(k->fd[0], &octet, 1) == 1) {
		if (k->work->reply.r == MST_CARD_PIN_WRONG)
			note_refused(a, &k->work->pin);
		free_work(k->work);
		k->work = NULL;
	}
	if (k->work)
		return;              /* a thread still writes there, and this program ends: both are left to it */
	close(k->fd[0]);
	close(k->fd[1]);
	free(k);
}
