/* Where the server's keys could be on this machine, tried; where they are; what to type when there is a better place; whether the CA's key signs. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "doctor.h"
#include "secenv/place.h"
#include "server/ca-device.h"

/* Best first: what cannot be copied off the machine, before what can. */
enum { AT_TPM, AT_TOKEN, AT_SECRET, AT_FILE, AT__COUNT };
static const struct { enum mst_secenv_kind kind; const char *backend, *words; } at[AT__COUNT] = {
	[AT_TPM] = { MST_SECENV_TPM, "tpm", "a TPM" }, [AT_TOKEN] = { MST_SECENV_PKCS11, "pkcs11", "a token" },
	[AT_SECRET] = { MST_SECENV_SECRET, "secret", "a secret of the service manager's" }, [AT_FILE] = { MST_SECENV_FILE, "file", "a file" },
};

static const char *const groups[] = { "keeper_key", "ca_key" };
#define FILES 3                              /* secret, PIN and module */

/* What the two keys want of a place: that it gives what others are encrypted by, that it makes a pair and signs. */
enum { FOR_KEK, FOR_CA, FOR__COUNT };

struct places {
	char seen[700];
	const char *group[AT__COUNT];        /* whose settings name it */
	struct mst_secenv_place place[AT__COUNT];
	int r[AT__COUNT][FOR__COUNT];        /* what it said when it was tried; 0: it works */
	bool tried[AT__COUNT];
	char file[MST_COUNT(groups)][FILES][PATH_MAX];
};

static const char *text_at(struct doctor *d, const char *group, const char *name, const char *preset)
{
	const char *text = preset;
	char path[64];

	snprintf(path, sizeof(path), "%s.%s", group, name);
	return config_lookup_string(&d->conf, path, &text) == CONFIG_TRUE ? text : preset;
}

/* As musterd finds it; whole, as it is also told to type elsewhere. */
static const char *file_at(struct doctor *d, const char *group, const char *name, char out[PATH_MAX])
{
	const char *text = text_at(d, group, name, "");
	char path[PATH_MAX];

	if (!*text || *text == '/')
		return text;
	doctor_place(d, text, path, sizeof(path));
	if (!realpath(path, out))
		memcpy(out, path, sizeof(path));
	return out;
}

static struct mst_secenv_place place_of(struct doctor *d, const char *group, char file[FILES][PATH_MAX])
{
	return (struct mst_secenv_place){ group, file_at(d, group, "secret_file", file[0]), file_at(d, group, "pin_file", file[1]),
					  text_at(d, group, "tcti", ""), "", file_at(d, group, "module", file[2]), text_at(d, group, "token", "") };
}

static void say_more(struct places *p, const char *what, const char *more, const char *why)
{
	size_t n = strlen(p->seen);

	snprintf(p->seen + n, sizeof(p->seen) - n, "%s%s%s%s%s%s", n ? ", " : "", what, *more ? " " : "", more, *why ? ": " : "", why);
}

/* Whose settings lead there? One group's whole: the PIN of one device is not for another. */
static void find_named(struct doctor *d, struct places *p, size_t at_group)
{
	const char *group = groups[at_group];
	struct mst_secenv_place q = place_of(d, group, p->file[at_group]);
	const bool named[AT__COUNT] = { [AT_TPM] = *q.tcti || !strcmp(text_at(d, group, "backend", ""), "tpm"), [AT_TOKEN] = *q.token && *q.pin_file,
					[AT_SECRET] = *q.secret_file != 0, [AT_FILE] = true };

	for (size_t i = 0; i < AT__COUNT; i++)
		if (named[i] && !p->group[i]) {
			p->group[i] = group;
			p->place[i] = q;
		}
}

static void mark_of(struct doctor *d, const char *group, struct mst_secenv_guard *g)
{
	const char *keeper = "keeper";
	char path[4096];

	memset(g, 0, sizeof(*g));
	(void)config_lookup_string(&d->conf, "keeper", &keeper);
	doctor_place(d, keeper, path, sizeof(path));
	snprintf(g->path, sizeof(g->path), "%.1000s%s", path, !strcmp(group, "ca_key") ? MST_CA_DEVICE_REFUSED : "/kek.refused");
}

/* A PIN that musterd was refused is none to try again, whatever it was for: both keys may be in one token, which counts them together. */
static void guard_of(struct doctor *d, const struct mst_secenv_place *q, enum mst_secenv_kind kind, struct mst_secenv_guard *g)
{
	char device[MST_SECENV_DEVICE];
	struct mst_secenv_guard other;

	mst_secenv_place_device(q, kind, device);
	mark_of(d, q->group, g);
	for (size_t i = 0; i < MST_COUNT(groups); i++) {
		mark_of(d, groups[i], &other);
		if (mst_secenv_refused(&other, device, q->pin_file))
			*g = other;
	}
}

/* What musterd has its CA's key in it is asked about: nobody else has to disturb that device. 0, ABSENT, or -1: it does not use it, or does not run. */
static int as_used(struct doctor *d, size_t i, struct mst_diag *why)
{
	json_t *answer = NULL;
	const json_t *ca;
	int r = -1;

	if (i < AT_SECRET && access(api_socket(d->m), F_OK) == 0 && api_ask(d->m, "GET", "/v1/keeper", NULL, &answer) == EXIT_DONE) {
		ca = json_object_get(answer, "ca");
		if (strcmp(text_of(ca, "in"), at[i].backend) == 0)
			r = json_is_true(json_object_get(ca, "away")) ? MST_SECENV_ABSENT : 0;
		mst_diag_set(why, 0, "", text_of(ca, "why"), NULL);
	}
	json_decref(answer);
	return r;
}

static const char *words_of(int r, const struct mst_diag *why)
{
	return why->text[0] ? why->text : r < 0 ? mst_fault_text(r) : "refused";
}

static int ask(const struct places *p, size_t i, unsigned what, struct mst_secenv_guard *guard, struct mst_diag *why)
{
	return mst_secenv_place_works(&p->place[i], at[i].kind, what, guard, mst_crypto_openssl(), why);
}

/* A device may do one of the two only; what cannot be asked at all is asked once, and what is no device makes no pairs. */
static void try(struct doctor *d, struct places *p, size_t i)
{
	struct mst_diag why[FOR__COUNT] = { 0 };
	struct mst_secenv_guard guard;
	const bool device = i < AT_SECRET;
	char text[300] = "works";
	int *r = p->r[i], used = as_used(d, i, &why[FOR_CA]);

	guard_of(d, &p->place[i], at[i].kind, &guard);
	r[FOR_CA] = used >= 0 ? used : ask(p, i, device ? ROOT_KEYS : ROOT_STORE, &guard, &why[FOR_CA]);
	r[FOR_KEK] = r[FOR_CA];
	/* a TPM that musterd uses may have room for nobody else; each can do both */
	if (device && (r[FOR_CA] == MST_SECENV_NOT_OFFERED || (!r[FOR_CA] && (used < 0 || i == AT_TOKEN))))
		r[FOR_KEK] = ask(p, i, ROOT_STORE, &guard, &why[FOR_KEK]);
	if (r[FOR_CA] && r[FOR_KEK])
		snprintf(text, sizeof(text), "tried, and it does not work: %.200s", words_of(r[FOR_CA], &why[FOR_CA]));
	else if (r[FOR_CA])
		snprintf(text, sizeof(text), "works for the key-encryption key, and not for the CA's: %.200s", words_of(r[FOR_CA], &why[FOR_CA]));
	else if (r[FOR_KEK])
		snprintf(text, sizeof(text), "works for the CA's key, and not for the key-encryption key: %.200s", words_of(r[FOR_KEK], &why[FOR_KEK]));
	p->tried[i] = true;
	say_more(p, at[i].backend, i == AT_TOKEN ? shown(p->place[i].token) : i == AT_TPM ? shown(p->place[i].tcti) : "", text);
}

static bool works(const struct places *p, size_t i, int what)
{
	return p->tried[i] && !p->r[i][what];
}

static void each_token(void *arg, const char *label, bool initialised)
{
	struct places *p = arg;

	if (!p->group[AT_TOKEN] || strcmp(label, p->place[AT_TOKEN].token) != 0)
		say_more(p, "token", initialised ? shown(label) : "", initialised ? "not tried, as no setting names the file of its PIN" : "not initialised");
}

static void look(struct doctor *d, struct places *p)
{
	struct mst_diag none = { 0 };

	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say */
	for (size_t i = 0; i < MST_COUNT(groups); i++)
		find_named(d, p, i);
	if (!p->group[AT_TPM] && mst_secenv_place_tpm_there()) {
		p->group[AT_TPM] = "keeper_key";
		p->place[AT_TPM] = (struct mst_secenv_place){ "keeper_key", "", "", "", "", "", "" };
	}
	for (size_t i = 0; i < AT__COUNT; i++)
		if (p->group[i])
			try(d, p, i);
	(void)!mst_secenv_place_tokens(each_token, p, &none);
	if (!p->group[AT_SECRET] && access("/run/systemd/system", F_OK) == 0)
		say_more(p, "credential of systemd", "", "not tried, as keeper_key.secret_file names none");
}

static size_t place_named(const char *backend)
{
	size_t i = 0;

	while (i < AT_FILE && strcmp(backend, at[i].backend) != 0)
		i++;
	return i;
}

/* ` tcti = "…";` */
static void put_set(struct mst_writer *w, const char *name, const char *value)
{
	if (!*value)
		return;
	mst_put_str(w, name);
	mst_put_str(w, " = \"");
	mst_put_str(w, value);
	mst_put_str(w, "\"; ");
}

static void put_group(struct mst_writer *w, const struct places *p, size_t i)
{
	const struct mst_secenv_place *q = &p->place[i];

	mst_put_str(w, "keeper_key = { ");
	put_set(w, "backend", at[i].backend);
	put_set(w, "tcti", i == AT_TPM ? q->tcti : "");
	put_set(w, "module", i == AT_TOKEN ? q->module : "");
	put_set(w, "token", i == AT_TOKEN ? q->token : "");
	put_set(w, "pin_file", i == AT_SECRET ? "" : q->pin_file);
	put_set(w, "secret_file", i == AT_SECRET ? q->secret_file : "");
	mst_put_str(w, "};");
}

/* As RFC 7512 has it in a URI. */
static void put_uri(struct mst_writer *w, const char *text)
{
	for (; *text; text++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/", *text)) {
			mst_put_u8(w, (uint8_t)*text);
		} else {
			mst_put_u8(w, '%');
			mst_put_hex(w, (struct mst_view){ (const uint8_t *)text, 1 });
		}
}

static void put_ca_option(struct mst_writer *w, const struct places *p, size_t i)
{
	const struct mst_secenv_place *q = &p->place[i];

	mst_put_str(w, "muster init DIR --ca-key ");
	if (i == AT_TPM) {
		mst_put_str(w, *q->tcti ? "tpm:" : "tpm");
		mst_put_str(w, q->tcti);
		if (*q->pin_file)
			mst_put_str(w, " --ca-pin-file ");
		mst_put_str(w, q->pin_file);
		return;
	}
	mst_put_str(w, "'pkcs11:token=");
	put_uri(w, q->token);
	mst_put_str(w, "?");
	if (*q->module) {
		mst_put_str(w, "module-path=");
		put_uri(w, q->module);
		mst_put_str(w, "&");
	}
	mst_put_str(w, "pin-source=");
	put_uri(w, q->pin_file);
	mst_put_str(w, "'");
}

/* Who says "file" wants a file; who says nothing has what works on every machine, and is told of what is better on this one. */
static void judge(struct doctor *d, const struct places *p, bool ca, size_t best)
{
	const char *group = ca ? "ca_key" : "keeper_key", *said = text_at(d, group, "backend", NULL);
	size_t now = place_named(said ? said : "file");
	bool broken = said && p->group[now] && !works(p, now, ca ? FOR_CA : FOR_KEK);
	char text[200], remedy[1600] = "";
	struct mst_writer w = mst_writer_of(remedy, sizeof(remedy) - 1);

	snprintf(text, sizeof(text), "%s (%s); the best that works here is %s%s", at[now].backend, said ? "as musterd.conf says" : "by preset", at[best].backend,
		 now > best && said ? ", and musterd.conf wants no other" : "");
	if (broken) {
		mst_put_str(&w, ca ? "without it nothing is certified, revoked or sealed: " : "without it the keeper does not start again: ");
		mst_put_str(&w, mst_secenv_server_remedy(p->r[now][ca ? FOR_CA : FOR_KEK]));
	} else if (ca) {
		mst_put_str(&w, "a CA's key stays where it was made. A new installation has it there with: ");
		put_ca_option(&w, p, best);
		mst_put_str(&w, "; to keep this one where it is, say so in musterd.conf: ca_key = { backend = \"file\"; };");
	} else {
		mst_put_str(&w, "in musterd.conf: ");
		put_group(&w, p, best);
		mst_put_str(&w, " then restart musterd (as a service with the drop-in of musterd(8)), then: muster keeper rotate. To keep it where it is, say "
			    "backend = \"file\"; there");
	}
	remedy[w.n] = '\0';
	doctor_finding(d, said ? !broken : now <= best, ca ? "place of the CA key" : "place of the key-encryption key", text, remedy);
}

void doctor_keys(struct doctor *d)
{
	static struct places p;
	bool single = false;
	const char *how;
	size_t kek = 0, ca;

	look(d, &p);
	while (kek < AT_FILE && !works(&p, kek, FOR_KEK))
		kek++;
	if (config_lookup_string(&d->conf, "processes", &how) == CONFIG_TRUE)
		single = !strcmp(how, "single");
	/* no secret makes a key of the CA's safer than the keeper's key, which it is encrypted by; a TPM wants a process of its own */
	ca = works(&p, AT_TPM, FOR_CA) && !single ? AT_TPM : works(&p, AT_TOKEN, FOR_CA) ? AT_TOKEN : AT_FILE;
	doctor_finding(d, true, "places for keys", p.seen, "");
	judge(d, &p, false, kek);
	judge(d, &p, true, ca);
}

void doctor_ca_key(struct doctor *d, const json_t *keeper)
{
	const json_t *ca = json_object_get(keeper, "ca");
	const char *in = text_of(ca, "in"), *why = text_of(ca, "why");
	bool away = json_is_true(json_object_get(ca, "away"));
	char text[400];

	if (!ca)
		return;
	if (!strcmp(in, "file"))
		snprintf(text, sizeof(text), "in ca.key, encrypted by the key-encryption key; it signs in the keeper's memory");
	else
		snprintf(text, sizeof(text), "%s, made there, and never here; %s%s", !strcmp(in, "tpm") ? "in the TPM" : "in a token", away ? "it does not sign: " :
			 "it signs", away ? shown(why) : "");
	doctor_finding(d, !away, "CA key", text, "nothing is certified, revoked or sealed until it signs again; musterd tries by itself, and a PIN that was refused only "
		       "after its file has changed");
}
