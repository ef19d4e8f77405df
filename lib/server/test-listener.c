/* What a listener puts into an answer at the last moment: the secrets that the keeper sealed for it, each in its place. */
#include <event2/event.h>
#include <stdlib.h>

#include "tests/support/cm.h"

#include "keeper/channel.h"
#include "server/listener-internal.h"

static struct listener l;

static int up(void **state)
{
	(void)state;
	l.u.crypto = mst_crypto_openssl();
	l.u.log.fd = -1;
	l.u.channel = (struct mst_channel){ .id = 4, .key = { 1, 2, 3 } };
	return 0;
}

static struct mst_wrapped sealed(enum mst_key_use use, uint8_t from, size_t n)
{
	struct mst_wrapped s;
	struct mst_key k = { .n = n };

	for (size_t i = 0; i < n; i++)
		k.b[i] = (uint8_t)(from + i);
	assert_int_equal(channel_seal(&l.u.channel, CHANNEL_FROM_KEEPER, (unsigned)use, l.u.crypto, &k, &s), 0);
	return s;
}

static bool content(const struct mst_answer_frame *a, const char *want)
{
	uint8_t room[256];
	struct mst_writer w = mst_writer_of(room, sizeof(room));
	struct mst_view v;
	static const struct mst_role_ops hss = { .role = MST_ROLE_HSS };
	bool good = listener_content(&l, &(struct slot){ .role = &hss }, a, &w, &v);

	if (good && want)
		assert_true(mst_view_eq_str(v, want));
	return good;
}

static void secrets_in_their_places(void **state)
{
	struct mst_answer_frame a = { .content = MST_VIEW_LIT("{\"x\":\"\",\"c\":\"\"}") };

	(void)state;
	assert_true(content(&a, "{\"x\":\"\",\"c\":\"\"}"));
	a.parcel = (struct mst_parcel){ sealed(MST_USE_VECTOR, 0xa8, 6), { { 6, 0, 2 }, { 13, 2, 4 } }, 2 };
	assert_true(content(&a, "{\"x\":\"a8a9\",\"c\":\"aaabacad\"}"));
	/* two at one place, one at the very end */
	a.content = MST_VIEW_LIT("x");
	a.parcel.fill[0].at = a.parcel.fill[1].at = 1;
	assert_true(content(&a, "xa8a9aaabacad"));
	a.parcel = (struct mst_parcel){ sealed(MST_USE_VECTOR, 0, 64), { { 0, 0, 64 } }, 1 };
	assert_true(content(&a, NULL));
}

/* Nothing of an answer leaves when it is not whole. */
static void not_whole(void **state)
{
	struct mst_answer_frame a = { .content = MST_VIEW_LIT("{}"), .parcel = { sealed(MST_USE_VECTOR, 1, 6), { { 1, 4, 3 } }, 1 } };

	(void)state;
	assert_false(content(&a, NULL));        /* more octets than there are */
	a.parcel.fill[0].n = 2;
	assert_true(content(&a, "{0506}"));
	a.parcel.sealed.b[a.parcel.sealed.n - 1] ^= 1;
	assert_false(content(&a, NULL));        /* sealed by somebody else, or for somebody else */
	a.parcel.sealed.b[a.parcel.sealed.n - 1] ^= 1;
	l.u.channel.key[0] ^= 1;
	assert_false(content(&a, NULL));
	l.u.channel.key[0] ^= 1;
	a.has_key = true;                       /* one or the other */
	a.key = sealed(MST_USE_ANSWER, 1, 32);
	assert_false(content(&a, NULL));
	a.parcel.n_fills = 0;
	a.at = 1;
	assert_true(content(&a, "{AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=}"));
}

/* --- what is told of handshakes --- */

static unsigned heard;

static void on_frame(void *owner, struct mst_link *link, const struct mst_frame *f, int fd)
{
	(void)owner;
	(void)link;
	(void)fd;
	heard += f->type == MST_FRAME_HANDSHAKE_FAILED;
}

static void on_down(void *owner, struct mst_link *link, const char *why)
{
	(void)owner;
	(void)link;
	fail_msg("%s", why);
}

/* Each one that failed for its key goes to the engine, which counts them and bounds their events; others are bounded here. */
static void keys_are_counted_elsewhere(void **state)
{
	static const struct mst_link_ops ops = { on_frame, on_down };
	static const struct mst_role_ops role = { .role = MST_ROLE_MAF };
	struct event_base *base = event_base_new();
	struct mst_link_config a = { .base = base, .self = MST_PROC_LISTENER, .peer = MST_PROC_ENGINE, .frame_max = MST_FRAME_MAX, .queue_max = 64 * MST_FRAME_MAX },
			       b = a;
	struct endpoint e = { .l = &l, .role = &role };
	struct mst_peer peer = { .how = MST_AUTH_PSK };
	struct mst_link *engine;

	(void)state;
	event_base_priority_init(base, 3);
	b.self = MST_PROC_ENGINE;
	b.peer = MST_PROC_LISTENER;
	assert_int_equal(mst_link_memory(&a, &b, &l.engine, &engine), 0);
	mst_link_owner(l.engine, &ops, NULL);
	mst_link_owner(engine, &ops, NULL);
	mst_link_phase(l.engine, MST_PHASE_RUNNING);
	mst_link_phase(engine, MST_PHASE_RUNNING);
	l.out = malloc(MST_FRAME_MAX);
	assert_non_null(l.out);
	for (unsigned i = 0; i < 1000; i++)
		listener_handshake_failed(&e, &peer, MST_TLS_PSK_REFUSED, "");
	for (int i = 0; i < 100; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(heard, 1000);
	heard = 0;
	for (unsigned i = 0; i < 1000; i++)
		listener_handshake_failed(&e, &peer, MST_TLS_EXPIRED, "");
	for (int i = 0; i < 100; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_in_range(heard, 1, 999);
	free(l.out);
	mst_link_free(l.engine);
	mst_link_free(engine);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(secrets_in_their_places, up), cmocka_unit_test_setup(not_whole, up), cmocka_unit_test_setup(keys_are_counted_elsewhere, up) };

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
