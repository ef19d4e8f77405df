/* muster trigger: make a pushed trigger, and send it. */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "cert.h"
#include "crypto/derive.h"
#include "send.h"

struct wanted {
	const char *what, *instruction, *target, *admin, *payload, *window, *signer, *key_of, *via, *to, *node;
	struct sms_way sms;
	struct ca key;                   /* --signer */
	bool signs;
};

struct made { uint8_t octets[MST_TRIGGER_MAX + 4]; size_t n; char text[MST_TRIGGER_TEXT_MAX + 8]; };

/* What is wrong with the request, before anything is asked of the installation: a counter is not for nothing. */
static int check(struct muster *m, struct wanted *w)
{
	int r;

	if (strcmp(w->via, "print") == 0)
		return w->to ? usage_error(NULL, "--to goes with --via sms or --via datagram") : EXIT_DONE;
	if (strcmp(w->via, "datagram") == 0)
		return w->to && datagram_address_good(w->to) ? EXIT_DONE : usage_error(NULL, "--via datagram wants --to HOST:PORT");
	if (strcmp(w->via, "sms") != 0)
		return usage_error(NULL, "--via is sms, datagram or print");
	if (w->to && !number_good(w->to))
		return usage_error(NULL, "--to: \"%s\" is not an international number like +491701234567", w->to);
	r = sms_way_read(m, &w->sms);
	return r;
}

static int open_signer(struct wanted *w)
{
	const char *slash = strrchr(w->signer, '/');
	char dir[4096];
	int r;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - w->signer) : 1, slash ? w->signer : ".");
	r = ca_open(&w->key, slash == w->signer ? "/" : dir, slash ? slash + 1 : w->signer);
	w->signs = r == EXIT_DONE;
	return r;
}

/* SHA-256 of the public key, its first octets in hex: which key the node checks with. */
static bool signer_hint(const struct wanted *w, char out[2 * MST_TRIGGER_HINT + 1])
{
	struct mst_writer hex = mst_writer_of(out, 2 * MST_TRIGGER_HINT + 1);
	uint8_t spki[256], hint[MST_TRIGGER_HINT];
	size_t n = 0;

	if (mst_cert_public((struct mst_view){ w->key.der, w->key.n }, spki, sizeof(spki), &n) ||
	    mst_trigger_hint(mst_crypto_openssl(), (struct mst_view){ spki, n }, hint))
		return false;
	mst_put_hex(&hex, (struct mst_view){ hint, sizeof(hint) });
	mst_put_nul(&hex);
	return hex.ok;
}

/* "bbn=https://bbn.example.com" */
static bool put_instruction(json_t *body, const char *text)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text || !eq[1])
		return false;
	json_object_set_new(body, "method", json_stringn(text, (size_t)(eq - text)));
	put_member(body, "uri", eq + 1);
	return true;
}

static int body_of(const struct wanted *w, json_t *body)
{
	char hint[2 * MST_TRIGGER_HINT + 1];
	json_int_t seconds = w->window ? duration_from(w->window) : 0;
	char *payload;
	size_t n;

	put_member(body, "what", w->what);
	if (w->window && !seconds)
		return usage_error(NULL, "--window is a duration, " DURATION_FORMS);
	if (seconds)
		json_object_set_new(body, "window", json_integer(seconds));
	if (w->instruction && !put_instruction(body, w->instruction))
		return usage_error(NULL, "--instruction wants METHOD=URI, for example bbn=https://bbn.example.com");
	if (w->target)
		put_member(body, "target", w->target);
	if (w->admin)
		put_member(body, "adminFQDN", w->admin);
	if (w->payload) {
		payload = read_file(w->payload, &n);
		if (!payload)
			return EXIT_FAULT;
		while (n && (payload[n - 1] == '\n' || payload[n - 1] == '\r'))
			payload[--n] = '\0';
		json_object_set_new(body, "payload", json_stringn(payload, n));
		free(payload);
	}
	if (w->signs && !signer_hint(w, hint))
		return EXIT_FAULT;
	if (w->signs)
		put_member(body, "signer", hint);
	if (w->key_of)
		put_member(body, "key", w->key_of);
	put_member(body, "via", w->via);
	if (w->to)
		put_member(body, "to", w->to);
	return EXIT_DONE;
}

static bool take_octets(const json_t *answer, const char *member, struct made *t)
{
	return mst_base64_decode(mst_view_str(text_of(answer, member)), t->octets, MST_TRIGGER_MAX, &t->n);
}

static bool sign(struct wanted *w, const char *node_id, struct made *t)
{
	uint8_t cover[MST_TRIGGER_COVER_MAX], sig[MST_RAW_SIGNATURE];
	struct mst_writer c = mst_writer_of(cover, sizeof(cover)), o = mst_writer_of(t->octets, sizeof(t->octets));

	mst_trigger_cover(&c, mst_view_str(node_id), (struct mst_view){ t->octets, t->n });
	if (!c.ok || mst_raw_sign(mst_crypto_openssl(), &w->key.signer.signer, mst_written(&c), sig))
		return false;
	o.n = t->n;
	mst_trigger_put_tag(&o, (struct mst_view){ sig, sizeof(sig) });
	t->n = o.n;
	return o.ok;
}

static int finish(struct wanted *w, const json_t *answer, struct made *t)
{
	struct mst_writer text = mst_writer_of(t->text, sizeof(t->text));
	bool good = take_octets(answer, w->signs ? "body" : "trigger", t) && (!w->signs || sign(w, text_of(answer, "nodeID"), t));

	if (!good) {
		complain("the trigger could not be put together");
		return EXIT_FAULT;
	}
	mst_trigger_put_text(&text, (struct mst_view){ t->octets, t->n });
	if (!text.ok)
		t->text[0] = '\0';
	return EXIT_DONE;
}

static int print(struct muster *m, json_t *answer, const struct made *t)
{
	char code[2 * MST_TRIGGER_MAX], hex[2 * MST_TRIGGER_MAX + 1];
	struct mst_writer c = mst_writer_of(code, sizeof(code)), h = mst_writer_of(hex, sizeof(hex));

	mst_put_base64(&c, (struct mst_view){ t->octets, t->n });
	mst_put_nul(&c);
	mst_put_hex(&h, (struct mst_view){ t->octets, t->n });
	mst_put_nul(&h);
	if (m->json) {
		json_object_del(answer, "body");
		put_member(answer, "trigger", code);
		json_object_set_new(answer, "octets", json_integer((json_int_t)t->n));
		if (*t->text)
			put_member(answer, "text", t->text);
		return print_json(json_incref(answer));
	}
	if (*t->text)
		say("%s", t->text);
	else
		complain("too long for one text message; as 8-bit message it is, in hex:");
	if (!*t->text)
		say("%s", hex);
	return EXIT_DONE;
}

static int deliver(struct muster *m, struct wanted *w, json_t *answer, const struct made *t)
{
	const char *number = w->to ? w->to : text_of(answer, "number");
	struct mst_view octets = { t->octets, t->n };
	int r;

	if (strcmp(w->via, "print") == 0)
		return print(m, answer, t);
	r = strcmp(w->via, "datagram") == 0 ? datagram_send(w->to, octets) : sms_send(&w->sms, number, octets, t->text);
	if (r != EXIT_DONE)
		return r;
	if (m->json)
		return print_json(json_pack("{s:s, s:s, s:s, s:I}", "nodeID", text_of(answer, "nodeID"), "via", w->via, "to", number,
					    "counter", json_integer_value(json_object_get(answer, "counter"))));
	say("sent to %s (%s), counter %lld, good until %s", number, w->via,
	    (long long)json_integer_value(json_object_get(answer, "counter")), human_time(text_of(answer, "expires")));
	return EXIT_DONE;
}

/* An SMS needs a number: known before the counter moves. */
static int find_number(struct muster *m, struct wanted *w)
{
	json_t *answer = NULL;
	struct mst_writer p;
	char path[1200];
	int r;

	if (strcmp(w->via, "sms") != 0 || w->to)
		return EXIT_DONE;
	p = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&p, w->node);
	r = api_ask(m, "GET", path_end(&p), NULL, &answer);
	if (r == EXIT_DONE && !*text_of(answer, "number")) {
		complain("%s has no number; give --to +49…, or keep one: muster node number %s +49…", w->node, w->node);
		r = EXIT_REFUSED;
	}
	json_decref(answer);
	return r;
}

static int make_and_send(struct muster *m, struct wanted *w)
{
	struct made t = { .n = 0 };
	json_t *body = json_object(), *answer = NULL;
	struct mst_writer p;
	char path[1200];
	int r = body_of(w, body);

	if (r != EXIT_DONE) {
		json_decref(body);
		return r;
	}
	p = path_start(path, sizeof(path), "/v1/nodes/");
	path_piece(&p, w->node);
	mst_put_str(&p, "/trigger");
	r = api_ask(m, "POST", path_end(&p), body, &answer);
	if (r == EXIT_DONE)
		r = finish(w, answer, &t);
	if (r == EXIT_DONE)
		r = deliver(m, w, answer, &t);
	json_decref(answer);
	return r;
}

int cmd_trigger(struct muster *m, int argc, char **argv)
{
	struct wanted w = { .via = "print" };
	const struct opt opts[] = {
		{ "what", &w.what, NULL }, { "instruction", &w.instruction, NULL }, { "target", &w.target, NULL },
		{ "admin-fqdn", &w.admin, NULL }, { "payload", &w.payload, NULL }, { "window", &w.window, NULL },
		{ "signer", &w.signer, NULL }, { "key", &w.key_of, NULL }, { "via", &w.via, NULL }, { "to", &w.to, NULL },
	};
	int r;

	argc = take_options(NULL, argc, argv, opts, MST_COUNT(opts));
	if (argc < 0)
		return EXIT_USAGE;
	if (argc != 1)
		return usage_error(NULL, "give one node: its M2M-Node-ID, CSE-ID, AE-ID or number");
	w.node = argv[0];
	if (!w.what)
		w.what = w.instruction ? "instruction" : w.payload ? "onem2m" : "run";
	r = check(m, &w);
	if (r == EXIT_DONE && w.signer)
		r = open_signer(&w);
	if (r == EXIT_DONE)
		r = find_number(m, &w);
	if (r == EXIT_DONE)
		r = make_and_send(m, &w);
	if (w.signs)
		ca_close(&w.key);
	sms_way_wipe(&w.sms);
	return r;
}
