/*
 * The keeper's half of the audit log: it signs number and hash of an entry, and keeps the last that it signed where the engine and
 * the store's files do not reach, so that a log that was cut off or written anew is told from the one that was sealed.
 */
#include <string.h>

#include "crypto/pki.h"
#include "keeper/local.h"

#define SEAL_FILE "audit.seal"

int keeper_log_open(struct local *l, struct mst_diag *d)
{
	uint8_t text[MST_LOG_SEAL_TEXT];
	size_t n = 0;
	int r = keeper_file_read(l->dir, SEAL_FILE, text, sizeof(text), &n, d);

	if (r)
		return r > 0 ? 0 : r;
	if (mst_log_seal_read((struct mst_view){ text, n }, &l->seal) &&
	    mst_log_seal_check(l->c, (struct mst_view){ l->files.ca_der, l->files.n_ca_der }, &l->seal) == 0)
		return 0;
	mst_diag_set(d, 0, SEAL_FILE, "damaged, or of another CA: it is the proof of the audit log's end; bring it back from a backup of this "
		     "directory, or move it away to begin a new one", NULL);
	return MST_FAULT_CORRUPT;
}

int keeper_seal_log(struct mst_keeper *k, struct mst_log_seal *s, bool anew)
{
	struct local *l = keeper_of(k);
	struct keeper_ca_signer signer;
	uint8_t text[MST_LOG_SEAL_TEXT];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	int r;

	if (!s->seq || s->seq > INT64_MAX || s->when < 0 || (!anew && s->seq <= l->seal.seq))
		return keeper_refuse(l, MST_KEEPER_DENIED);
	if (anew && !keeper_allowed(l, KEEPER_ACCEPT))
		return keeper_refuse(l, MST_KEEPER_LEAVE);
	mst_log_seal_put(&w, s, false);
	r = keeper_ca_signer(l, &signer);
	if (!r)
		r = mst_raw_sign(l->c, signer.signer, mst_written(&w), s->sig);
	r = keeper_ca_signer_end(&signer, r);
	if (r)
		return r;
	w = mst_writer_of(text, sizeof(text));
	mst_log_seal_put(&w, s, true);
	r = keeper_file_replace(l->dir, SEAL_FILE, 0644, mst_written(&w), NULL);
	if (r)
		return r;
	l->seal = *s;
	l->counts.seals++;
	return 0;
}

int keeper_last_seal(struct mst_keeper *k, struct mst_log_seal *ret_s)
{
	*ret_s = keeper_of(k)->seal;
	return 0;
}
