#include "server/keeper-device.h"
#include "server/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct device { struct mst_keeper_device d; /* first */ struct mst_secenv_place place; struct mst_secenv_guard guard; struct mst_crypto *c;
		struct mst_apart *apart; /* of a token */ };

struct mst_secenv_place mst_key_place(const char *group, const struct mst_conf_keeper_key *k)
{
	return (struct mst_secenv_place){ group, k->secret_file, k->pin_file, k->tcti, k->pcrs, k->module, k->token };
}

enum mst_secenv_kind mst_ca_key_kind(const struct mst_conf *c)
{
	static const enum mst_secenv_kind kinds[] = { MST_SECENV_FILE, MST_SECENV_TPM, MST_SECENV_PKCS11 };

	return kinds[c->ca_key.key.backend];
}

enum mst_secenv_kind mst_keeper_key_kind(const struct mst_conf *c)
{
	static const enum mst_secenv_kind kinds[] = { MST_SECENV_FILE, MST_SECENV_SECRET, MST_SECENV_TPM, MST_SECENV_PKCS11 };

	return kinds[c->keeper_key.backend];
}

const char *mst_key_device(enum mst_secenv_kind kind, const struct mst_conf_keeper_key *k)
{
	if (kind != MST_SECENV_TPM || (*k->tcti && strncmp(k->tcti, "device:", strlen("device:"))))
		return "";
	return *k->tcti ? k->tcti + strlen("device:") : "/dev/tpmrm0";
}

/* In the process apart. */
static int open_there(void *arg, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	struct device *v = arg;

	return mst_secenv_place_open(&v->place, (enum mst_secenv_kind)kind, &v->guard, v->c, ret, d);
}

static int open_root(const struct mst_keeper_device *dev, int kind, struct secenv_root **ret, struct mst_diag *d)
{
	struct device *v = (struct device *)(uintptr_t)dev;

	if (kind == MST_SECENV_PKCS11) {
		if (v->apart)
			return mst_apart_root(v->apart, kind, ret, d);
		mst_diag_set(d, 0, "keeper_key", "the key-encryption key is in a token: say in which one", NULL);
		return MST_FAULT_CONFIG;
	}
	if (kind == MST_SECENV_TPM || kind == MST_SECENV_SECRET)
		return mst_secenv_place_open(&v->place, (enum mst_secenv_kind)kind, &v->guard, v->c, ret, d);
	mst_diag_set(d, 0, "keeper", "a key-encryption key of a back end that this version does not know", NULL);
	return MST_FAULT_CONFIG;
}

/* Whoever has a certificate with such a name is taken for that server. A node never has one. */
static bool is_server(void *arg, const char *name)
{
	return mst_conf_names_server(arg, name);
}

static mst_time clock_of(void)
{
	return (mst_time)time(NULL);
}

static void set_certifies(struct mst_keeper *k, const struct mst_conf *c)
{
	mst_keeper_local_certifies(k, &(struct mst_keeper_certifies){ .longest = c->mef.present && c->mef.est ? c->mef.est_lifetime : 0,
								       .longest_list = c->crl.file[0] ? c->crl.lifetime : 0, .clock = clock_of, .is_server = is_server, .arg = (void *)(uintptr_t)c });
}

void mst_keeper_take(struct mst_keeper *k, const struct mst_conf *c)
{
	const struct mst_conf_four_eyes *f = &c->four_eyes;
	struct mst_four_eyes four = { .expires = mst_conf_four(f) ? f->expires : 0, .n_people = f->n_people,
				      .guards = (f->keeper ? MST_GUARD_ROTATE : 0) | (f->audit ? MST_GUARD_ACCEPT : 0) };

	for (size_t i = 0; i < f->n_people; i++)
		four.people[i] = (uint32_t)f->people[i].uid;
	mst_keeper_local_four_eyes(k, &four);
	set_certifies(k, c);
}

static void set_limits(struct mst_keeper *k, const struct mst_conf *c)
{
	struct mst_keeper_limit limit[MST_RATE__COUNT];

	for (size_t i = 0; i < MST_RATE__COUNT; i++)
		limit[i] = (struct mst_keeper_limit){ (uint32_t)c->keeper_limits.alarm[i], (uint32_t)c->keeper_limits.most[i] };
	mst_keeper_local_limits(k, limit, mst_now_ms);
	mst_keeper_take(k, c);
}

/* A CA key in a device that no setting leads to would be away for ever. */
static int fits_settings(const struct mst_conf *c, struct mst_diag *d)
{
	struct mst_ca_record rec;
	int r = mst_keeper_ca_record(c->keeper, &rec, d);

	if (r || !rec.kind || c->ca_key.key.backend)
		return r;
	mst_diag_set(d, 0, "ca_key.backend", "the CA's key is in a device (", mst_secenv_kind_text((enum mst_secenv_kind)rec.kind), "): say in which one", NULL);
	return MST_FAULT_CONFIG;
}

int mst_keeper_open(const struct mst_conf *c, bool starts, const struct mst_ca_holder *ca, struct mst_crypto *crypto, struct mst_keeper **ret_k,
		    struct mst_diag *d)
{
	struct device v = { .d = { .open = open_root, .kind = (int)mst_keeper_key_kind(c), .starts = starts },
			    .place = mst_key_place("keeper_key", &c->keeper_key), .c = crypto };
	int r;

	if (ca)
		v.d.ca = *ca;
	snprintf(v.guard.path, sizeof(v.guard.path), "%.1000s/kek.refused", c->keeper);
	setenv("TSS2_LOG", "all+NONE", 0);       /* what a TPM says, we say */
	r = fits_settings(c, d);
	/* also for a key that is to leave the token, and for one that waits there to be taken back */
	if (!r && (v.d.kind == MST_SECENV_PKCS11 || *c->keeper_key.token || *c->keeper_key.module))
		r = mst_apart_new(open_there, &v, c, &v.apart, d);
	if (!r)
		r = mst_keeper_local_open_with(c->keeper, &v.d, crypto, ret_k, d);
	v.apart = mst_apart_free(v.apart);
	if (!r && starts)
		set_limits(*ret_k, c);
	return r;
}
