/*
 * What nodes are born with besides certificates, what they are given, and the last table: what each holds, and until when, as
 * the servers say it.
 */
#include <stdlib.h>
#include <string.h>

#include "demo.h"

/* The owner's only: a secret is for one briefing node, which no other may redirect to another one. Never the clone. */
bool demo_by_secret(const struct demo *d, size_t number)
{
	return number % 6 == 2 && number != d->clone;
}

/* Some of those with a certificate of their maker's, some with a secret. */
bool demo_certified(const struct demo *d, size_t number)
{
	return (number % 10 == 5 || number % 12 == 8) && number != d->clone;
}

void demo_kpm_id(const struct demo *d, size_t number, char out[128])
{
	snprintf(out, 128, "serial-%05zu@%.64s", number, d->house[DEMO_OWNER].in.bbn);
}

int demo_type(struct demo *d, enum demo_who who, int (*cmd)(struct muster *m, int argc, char **argv), const char *name, const char *const *word,
	      bool aloud)
{
	struct demo_house *h = &d->house[who];
	const char *argv[16];
	int n = 0;

	if (aloud && !d->m->json)
		printf("%s$ muster -C %s %s", ink(d->m, DIM), h->name, name);
	for (; word[n] && n + 1 < (int)MST_COUNT(argv); n++) {
		bool file = strncmp(word[n], d->dir, strlen(d->dir)) == 0;

		argv[n] = word[n];
		if (aloud && !d->m->json)
			printf(" %s", file ? word[n] + strlen(d->dir) + 1 : word[n]);
	}
	argv[n] = NULL;
	if (aloud && !d->m->json)
		say("%s", ink(d->m, PLAIN));
	/* commands take options out of the list; they write to no word */
	return cmd(&h->inside, n, (char **)(uintptr_t)argv);
}

/* The owner reads the secret off the maker's paper, so to speak, and tells the provider. */
static int give_secret(struct demo *d, size_t number, bool aloud)
{
	const enum demo_who houses[] = { DEMO_OWNER, demo_place_of(number, NULL)->provider };
	char id[128], identity[128], dir[4096], file[4096];
	int r = EXIT_DONE;

	demo_node_id(number, id);
	demo_kpm_id(d, number, identity);
	path_join(file, sizeof(file), demo_node_dir(d, number, dir), "psk");
	for (size_t i = 0; r == EXIT_DONE && i < MST_COUNT(houses); i++)
		r = demo_type(d, houses[i], cmd_node, "node",
			      (const char *[]){ "secret", id, i ? "--file" : "--new", file, "--identity", identity, NULL }, aloud);
	return r;
}

int demo_secrets(struct demo *d)
{
	bool aloud = true;
	int r = EXIT_DONE;

	for (size_t i = 1; r == EXIT_DONE && i <= d->nodes; i++) {
		if (!demo_by_secret(d, i))
			continue;
		r = give_secret(d, i, aloud);
		aloud = false;
	}
	return r;
}

int demo_commands(struct demo *d)
{
	bool aloud = true;
	int r = EXIT_DONE;

	for (size_t i = 1; r == EXIT_DONE && i <= d->nodes; i++) {
		char id[128];

		if (!demo_certified(d, i))
			continue;
		demo_node_id(i, id);
		r = demo_type(d, demo_place_of(i, NULL)->provider, cmd_command, "command", (const char *[]){ "cert-prov", id, NULL }, aloud);
		aloud = false;
	}
	return r;
}

/* What one provider knows ------------------------------------------------------------------------------------------ */

static void note_key(struct demo_holding *h, const json_t *node)
{
	json_t *all = json_object_get(node, "credentials"), *c;
	char now[16];
	size_t i;

	timestamp_text(wall_clock(), now);
	h->key[0] = '\0';
	json_array_foreach(all, i, c) {
		bool used = strcmp(text_of(c, "state"), "active") == 0 && strcmp(text_of(c, "expires"), now) > 0;

		if (strcmp(text_of(c, "role"), "maf") != 0 || (h->key[0] && !used))
			continue;
		h->ended = !used;
		snprintf(h->key, sizeof(h->key), "%s", used ? text_of(c, "keyID") : "");
		snprintf(h->key_until, sizeof(h->key_until), "%s", text_of(c, "expires"));
	}
}

static int note_certificate(const struct demo *d, struct demo_holding *h, enum demo_who who, size_t number)
{
	json_t *answer = NULL, *c;
	char path[1200], all[1300];
	size_t i;
	int r;

	snprintf(all, sizeof(all), "%s/certificates", demo_node_path(number, path));
	r = api_ask(&d->house[who].inside, "GET", all, NULL, &answer);
	json_array_foreach(json_object_get(answer, "certificates"), i, c)
		if (json_is_null(json_object_get(c, "revoked")))
			snprintf(h->cert_until, sizeof(h->cert_until), "%s", text_of(c, "notAfter"));
	json_decref(answer);
	return r;
}

void demo_note_key(const struct demo *d, struct demo_holding *h, enum demo_who who, const json_t *node)
{
	note_key(h, node);
	if (h->key[0] || h->ended)
		h->provider = d->house[who].in.sp;
}

bool demo_note(struct demo *d, size_t number, enum demo_who who, const json_t *node)
{
	struct demo_holding *h = &d->holding[number];

	demo_note_key(d, h, who, node);
	if (demo_certified(d, number) && note_certificate(d, h, who, number) != EXIT_DONE)
		return false;
	return (number == d->clone) == !h->key[0] && demo_certified(d, number) == !!h->cert_until[0];
}

/* The table -------------------------------------------------------------------------------------------------------- */

static const char *born_with(const struct demo *d, size_t number)
{
	return number > DEMO_SIM ? "SIM" : demo_by_secret(d, number) ? "secret" : "certificate";
}

static void shown_day(const char *timestamp, char out[24])
{
	snprintf(out, 24, "%s", *timestamp ? human_time(timestamp) : "-");
}

void demo_tell_holdings(const struct demo *d)
{
	static const char *const head[] = { "NODE", "BORN WITH", "IS WITH", "ROOT KEY UNTIL", "CERTIFICATE UNTIL", "LATER" };
	struct table t = { 0 };

	table_row(&t, MST_COUNT(head), head);
	for (size_t k = 1; k <= d->nodes + d->cse.node; k++) {
		size_t i = k > d->nodes ? DEMO_SIM + k - d->nodes : k;
		const struct demo_holding *h = k > d->nodes ? &d->sim[k - d->nodes] : &d->holding[k];
		char id[128], key[24], cert[24];
		const char *cell[] = { id, born_with(d, i), h->provider ? h->provider : "nobody", key, cert, h->note ? h->note : "-" };

		demo_node_id(i, id);
		shown_day(h->key_until, key);
		shown_day(h->cert_until, cert);
		table_row(&t, MST_COUNT(cell), cell);
	}
	table_print(d->m, &t);
}

static json_t *or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

json_t *demo_holdings(const struct demo *d)
{
	json_t *all = json_array();

	for (size_t k = 1; k <= d->nodes + d->cse.node; k++) {
		size_t i = k > d->nodes ? DEMO_SIM + k - d->nodes : k;
		const struct demo_holding *h = k > d->nodes ? &d->sim[k - d->nodes] : &d->holding[k];
		char id[128];

		demo_node_id(i, id);
		json_array_append_new(all, json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "node", id, "bornWith", born_with(d, i), "provider", or_null(h->provider),
						     "keyID", or_null(h->key), "keyUntil", or_null(h->key_until), "certificateUntil", or_null(h->cert_until), "note", or_null(h->note)));
	}
	return all;
}
