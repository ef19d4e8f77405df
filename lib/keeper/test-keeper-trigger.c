/* The keeper's MAC for pushed triggers: right, and for nothing else. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/derive.h"
#include "keeper/keeper.h"

#define NODE "urn:dev:ops:1"
#define KEY_ID "0123ABCD@maf.example.com"

static struct mst_crypto *c;
static char top[64];
static struct mst_keeper *k;
static struct mst_wrapped km;
static struct mst_key key = { .b = { 7 }, .n = MST_KEY_LEN };
static uint8_t body_room[MST_TRIGGER_MAX], hint[2][MST_TRIGGER_HINT];

static int set_up(void **state)
{
	struct mst_channel ch = { .id = 1, .duties = MST_DUTY__ALL };
	struct mst_wrapped sealed;
	char dir[96];

	(void)state;
	c = mst_crypto_openssl();
	snprintf(top, sizeof(top), "/tmp/mst-keeper-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/keeper", top);
	assert_int_equal(mst_keeper_create_files(dir, "muster test CA", 1800000000, c, NULL), 0);
	assert_int_equal(mst_keeper_local_open(dir, c, &k, NULL), 0);
	assert_int_equal(c->ops->random(c, ch.key, sizeof(ch.key)), 0);
	assert_int_equal(mst_keeper_local_channel(k, 1, ch.key, MST_DUTY__ALL), 0);
	assert_int_equal(mst_channel_seal(&ch, c, MST_PURPOSE_KM, &key, &sealed), 0);
	assert_int_equal(k->ops->wrap(k, 1, (struct mst_view){ sealed.b, sealed.n }, MST_PURPOSE_KM, KEY_ID, &km), 0);
	return 0;
}

static int tear_down(void **state)
{
	char cmd[128];

	(void)state;
	k->ops->close(k);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct mst_view body_for(const char *key_id)
{
	struct mst_writer w = mst_writer_of(body_room, sizeof(body_room));
	struct mst_trigger t = { .has = 0x7f, .version = 1, .node = { hint[0], 4 }, .key = { hint[1], 4 }, .counter = 1,
				 .issued = 1800000000, .window = 60, .what = MST_TRIGGER_RUN };

	assert_int_equal(mst_trigger_hint(c, mst_view_str(NODE), hint[0]), 0);
	assert_int_equal(mst_trigger_hint(c, mst_view_str(key_id), hint[1]), 0);
	mst_trigger_write_body(&t, &w);
	return mst_written(&w);
}

static void the_mac_is_the_nodes(void **state)
{
	struct mst_authorisation a = { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 };
	uint8_t mac[MST_TRIGGER_MAC], want[MST_TRIGGER_MAC], cover[MST_TRIGGER_COVER_MAX];
	struct mst_writer w = mst_writer_of(cover, sizeof(cover));
	struct mst_view body = body_for(KEY_ID);
	struct mst_key kt;

	(void)state;
	assert_int_equal(k->ops->trigger(k, &a, &km, MST_PURPOSE_KM, KEY_ID, NODE, body, mac), 0);
	assert_int_equal(mst_derive_trigger(c, &key, mst_view_str(KEY_ID), &kt), 0);
	mst_trigger_cover(&w, mst_view_str(NODE), body);
	assert_int_equal(mst_trigger_mac(c, &kt, mst_written(&w), want), 0);
	assert_memory_equal(mac, want, sizeof(mac));
	assert_int_equal(mst_keeper_local_counts(k).triggers, 1);
}

static void for_nothing_else(void **state)
{
	static const struct mst_authorisation good = { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 };
	static const struct { struct mst_authorisation a; enum mst_key_purpose p; const char *key_id, *node; int r; } cases[] = {
		{ { MST_AUTH_NOTHING, KEY_ID, NODE, 0 }, MST_PURPOSE_KM, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_RELEASE, KEY_ID, NODE, 0 }, MST_PURPOSE_KM, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_SIGN, KEY_ID, NODE, 0 }, MST_PURPOSE_KM, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_TRIGGER, "other@maf.example.com", NODE, 0 }, MST_PURPOSE_KM, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_TRIGGER, KEY_ID, "urn:other", 0 }, MST_PURPOSE_KM, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 }, MST_PURPOSE_KE, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 }, MST_PURPOSE_KEYREG, KEY_ID, NODE, MST_KEEPER_DENIED },
		{ { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 }, MST_PURPOSE_NONE, KEY_ID, NODE, MST_KEEPER_DENIED },
		/* a maker's secret may make one, but this row is none: it was wrapped as something else */
		{ { MST_AUTH_TRIGGER, KEY_ID, NODE, 0 }, MST_PURPOSE_KPM, KEY_ID, NODE, MST_KEEPER_FORGED },
	};
	uint8_t mac[MST_TRIGGER_MAC];
	struct mst_view body = body_for(KEY_ID);

	(void)state;
	for (size_t i = 0; i < MST_COUNT(cases); i++)
		assert_int_equal(k->ops->trigger(k, &cases[i].a, &km, cases[i].p, cases[i].key_id, cases[i].node, body, mac),
				 cases[i].r);
	/* the body is read first: any other octets, or one that says another key, get no MAC */
	assert_int_equal(k->ops->trigger(k, &good, &km, MST_PURPOSE_KM, KEY_ID, NODE, MST_VIEW_LIT("any octets"), mac),
			 MST_KEEPER_DENIED);
	for (size_t n = 0; n < body.n; n++)
		assert_int_equal(k->ops->trigger(k, &good, &km, MST_PURPOSE_KM, KEY_ID, NODE, (struct mst_view){ body.p, n }, mac),
				 MST_KEEPER_DENIED);
	assert_int_equal(k->ops->trigger(k, &good, &km, MST_PURPOSE_KM, KEY_ID, NODE, body_for("other@maf.example.com"), mac),
			 MST_KEEPER_DENIED);
	assert_int_equal(mst_keeper_local_counts(k).triggers, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(the_mac_is_the_nodes), T(for_nothing_else) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
