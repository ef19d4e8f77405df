/*
 * A frame of any type, then its payload through that type's reader; what is read must be written again as
 * the same octets (there is one spelling of every message).
 */
#include <stdlib.h>
#include <string.h>

#include "server/frame.h"
#include "server/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static uint8_t out[1 << 20];

#define AGAIN(type, get, put) do { \
		static type x; \
		if (get(f->payload, &x)) { put(&w, &x); check(&w, f->payload); } \
	} while (0)

static void check(const struct mst_writer *w, struct mst_view v)
{
	if (!w->ok || w->n != v.n || (v.n && memcmp(w->p, v.p, v.n)))
		abort();
}

static void payload(const struct mst_frame *f)
{
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	static struct mst_metrics m;

	switch ((int)f->type) {
	case MST_FRAME_CONF: AGAIN(struct mst_conf_frame, mst_get_conf, mst_put_conf); break;
	case MST_FRAME_CHANNEL: AGAIN(struct mst_channel, mst_get_channel, mst_put_channel); break;
	case MST_FRAME_LINK: AGAIN(struct mst_link_frame, mst_get_link, mst_put_link); break;
	case MST_FRAME_HEALTH: AGAIN(struct mst_health_frame, mst_get_health, mst_put_health); break;
	case MST_FRAME_EXCHANGE: AGAIN(struct mst_exchange, mst_get_exchange, mst_put_exchange); break;
	case MST_FRAME_ANSWER: AGAIN(struct mst_answer_frame, mst_get_answer, mst_put_answer); break;
	case MST_FRAME_PSK_ASK: AGAIN(struct mst_psk_ask, mst_get_psk_ask, mst_put_psk_ask); break;
	case MST_FRAME_PSK_ANSWER: AGAIN(struct mst_psk_answer_frame, mst_get_psk_answer, mst_put_psk_answer); break;
	case MST_FRAME_CUT: AGAIN(struct mst_whose, mst_get_cut, mst_put_cut); break;
	case MST_FRAME_HANDSHAKE_FAILED: AGAIN(struct mst_handshake_failed, mst_get_handshake_failed, mst_put_handshake_failed); break;
	case MST_FRAME_REFUSED: AGAIN(struct mst_refused, mst_get_refused, mst_put_refused); break;
	case MST_FRAME_FETCH: AGAIN(struct mst_fetch, mst_get_fetch, mst_put_fetch); break;
	case MST_FRAME_FETCH_RESULT: AGAIN(struct mst_fetch_result, mst_get_fetch_result, mst_put_fetch_result); break;
	case MST_FRAME_METRICS: (void)!mst_metrics_decode(f->payload, &m); break;
	default: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mst_view in = { p, n };
	struct mst_frame f;
	size_t used;

	while (in.n && mst_frame_get(in, MST_FRAME_MAX, &f, &used) == 0) {
		if (!used || used > in.n)
			abort();
		payload(&f);
		in = mst_view_sub(in, used, in.n);
	}
	/* and without a frame around it: the first octet says which payload */
	if (n && p[0] && p[0] < MST_FRAME__COUNT) {
		f = (struct mst_frame){ (enum mst_frame_type)p[0], 0, { p + 1, n - 1 } };
		payload(&f);
	}
	return 0;
}
