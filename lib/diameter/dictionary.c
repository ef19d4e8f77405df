/* Our AVPs, commands and applications for the library, from the table of codec/diameter.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diameter/internal.h"

static enum dict_avp_basetype base_of(const struct mst_dm_avp *a)
{
	return a->kind == MST_DM_GROUP ? AVP_TYPE_GROUPED : a->kind == MST_DM_U32 ? AVP_TYPE_UNSIGNED32 : AVP_TYPE_OCTETSTRING;
}

static struct dict_object *find(uint32_t code, uint32_t vendor)
{
	struct dict_avp_request q = { .avp_vendor = vendor, .avp_code = code };
	struct dict_object *o = NULL;

	if (vendor ? fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_CODE_AND_VENDOR, &q, &o, ENOENT) :
	             fd_dict_search(fd_g_config->cnf_dict, DICT_AVP, AVP_BY_CODE, &code, &o, ENOENT))
		return NULL;
	return o;
}

static int add_avp(const struct mst_dm_avp *a)
{
	char name[64];
	/* whether M is set is not checked there: what is not known is passed over or refused by our own reader */
	struct dict_avp_data data = { a->code, a->vendor, name, AVP_FLAG_VENDOR,
		(uint8_t)(AVP_FLAG_VENDOR | (a->optional ? 0 : AVP_FLAG_MANDATORY)), base_of(a) };

	if (!a->vendor || find(a->code, a->vendor))
		return 0;                              /* of the base protocol, or known already */
	strncpy(name, a->name, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	return fd_dict_new(fd_g_config->cnf_dict, DICT_AVP, &data, NULL, NULL);
}

static int add_command(struct dict_object *app, uint32_t code, const char *request, const char *answer, struct dict_object **ret)
{
	char name[64];
	struct dict_cmd_data q = { code, name, CMD_FLAG_REQUEST, CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE };
	struct dict_cmd_data a = { code, name, CMD_FLAG_REQUEST, CMD_FLAG_PROXIABLE };
	int r;

	snprintf(name, sizeof(name), "%s", request);
	r = fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &q, app, ret);
	snprintf(name, sizeof(name), "%s", answer);
	return r ? r : fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &a, app, NULL);
}

int diam_dictionary(struct diam_dict *d)
{
	char gpp[] = "3GPP", zn[] = "3GPP Zn", zh[] = "3GPP Zh";
	struct dict_vendor_data vendor = { MST_DM_3GPP, gpp };
	struct dict_application_data app[] = { { MST_DM_ZN, zn }, { MST_DM_ZH, zh } };
	vendor_id_t id = MST_DM_3GPP;
	int r = 0;

	if (fd_dict_search(fd_g_config->cnf_dict, DICT_VENDOR, VENDOR_BY_ID, &id, &d->vendor, ENOENT))
		r = fd_dict_new(fd_g_config->cnf_dict, DICT_VENDOR, &vendor, NULL, &d->vendor);
	for (size_t i = 0; i < MST_COUNT(app) && !r; i++)
		r = fd_dict_new(fd_g_config->cnf_dict, DICT_APPLICATION, &app[i], d->vendor, &d->app[i]);
	for (size_t i = 0; i < mst_dm_n_avps && !r; i++)
		r = add_avp(&mst_dm_avps[i]);
	r = r ? r : add_command(d->app[0], MST_DM_BOOTSTRAPPING_INFO, "Bootstrapping-Info-Request", "Bootstrapping-Info-Answer", &d->command[0]);
	r = r ? r : add_command(d->app[1], MST_DM_MULTIMEDIA_AUTH, "Multimedia-Auth-Request", "Multimedia-Auth-Answer", &d->command[1]);
	return r ? MST_FAULT_MEMORY : 0;
}

static int set_value(struct avp *avp, enum dict_avp_basetype type, struct mst_view v)
{
	union avp_value x = { 0 };
	struct mst_reader r = mst_reader_of(v);

	if (type == AVP_TYPE_OCTETSTRING) {
		x.os.data = (uint8_t *)(uintptr_t)v.p;        /* copied there */
		x.os.len = v.n;
	} else {
		x.u32 = mst_read_u32(&r);
		if (!mst_read_end(&r) || (type != AVP_TYPE_UNSIGNED32 && type != AVP_TYPE_INTEGER32))
			return MST_FAULT_BUG;
	}
	return fd_msg_avp_setvalue(avp, &x) ? MST_FAULT_MEMORY : 0;
}

/* One AVP as our writer made it. */
static int add_one(msg_or_avp *to, uint32_t code, uint32_t vendor, struct mst_view v)
{
	struct dict_object *model = find(code, vendor);
	struct dict_avp_data data;
	struct avp *avp = NULL;
	int r;

	if (!model || fd_dict_getval(model, &data))
		return MST_FAULT_BUG;
	if (fd_msg_avp_new(model, 0, &avp))
		return MST_FAULT_MEMORY;
	r = data.avp_basetype == AVP_TYPE_GROUPED ? diam_add_avps(avp, v) : set_value(avp, data.avp_basetype, v);
	if (!r && fd_msg_avp_add(to, MSG_BRW_LAST_CHILD, avp))
		r = MST_FAULT_MEMORY;
	if (r)
		fd_msg_free(avp);
	return r;
}

int diam_add_avps(msg_or_avp *to, struct mst_view avps)
{
	struct mst_reader r = mst_reader_of(avps);

	while (r.left) {
		uint32_t code = mst_read_u32(&r), word = mst_read_u32(&r), n = word & 0xffffff, vendor = 0;
		size_t head = word >> 31 ? 12 : 8;
		struct mst_view v;
		int rc;

		if (word >> 31)
			vendor = mst_read_u32(&r);
		v = mst_read(&r, n < head ? SIZE_MAX : n - head);
		(void)mst_read(&r, (4 - n % 4) & 3);
		if (!r.ok)
			return MST_FAULT_BUG;
		rc = add_one(to, code, vendor, v);
		if (rc)
			return rc;
	}
	return 0;
}
