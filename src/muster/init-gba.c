/* `muster init --gba`: HSS, BSF and its face towards NAFs, which know one another and are known to the MAF. */
#include <string.h>

#include "install.h"
#include "muster.h"

bool install_gba(struct install *in, const char *plmn)
{
	size_t n = strlen(plmn);
	const char *mnc = plmn + 3;

	if ((n != 5 && n != 6) || strspn(plmn, "0123456789") != n)
		return false;
	snprintf(in->plmn, sizeof(in->plmn), "%s", plmn);
	snprintf(in->hss, sizeof(in->hss), "hss.%.240s", in->sp);
	snprintf(in->zn, sizeof(in->zn), "zn.%.240s", in->sp);
	/* where a node that knows nothing but its IMSI looks: TS 23.003 16.2 */
	snprintf(in->bsf, sizeof(in->bsf), "bsf.mnc%s%s.mcc%.3s.pub.3gppnetwork.org", n == 5 ? "0" : "", mnc, plmn);
	return true;
}

static void put(struct mst_writer *w, const char *fmt, ...) MST_PRINTF(2, 3);

static void put(struct mst_writer *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		w->ok = false;
	else
		mst_put_str(w, text);
}

void install_gba_maf(const struct install *in, const char *host, struct mst_writer *w)
{
	put(w, "  bsfs = ( { fqdn = \"%s\"; uri = \"https://%s:%u\"; connect_to = \"%s:%u\"; domains = [\"%s\"]; } );\n", in->zn, in->zn, in->zn_port, host,
	    in->zn_port, in->bsf);
	put(w, "  bsf_anchors = [\"keeper/ca.pem\"];\n  require_bsf_crl_of = [\"keeper/ca.pem\"];\n");
}

void install_gba_groups(const struct install *in, const char *host, struct mst_writer *w)
{
	put(w, "\nhss = {\n  fqdn = \"%s\";\n  listen = [\"%s:%u\"];\n  certificate = \"tls/hss.pem\";\n  key = \"tls/hss.key\";\n"
	    "  client_anchors = [\"keeper/ca.pem\"];\n  crls = [\"crls/\"];\n  require_crl_of = [\"keeper/ca.pem\"];\n", in->hss, host, in->hss_port);
	put(w, "  bsfs = [\"%s\"];\n  mnc_digits = %d;\n};\n", in->bsf, (int)strlen(in->plmn) - 3);
	put(w, "\nbsf = {\n  fqdn = \"%s\";\n  listen = [\"%s:%u\"];  # without TLS: what is said is protected by the SIM's key\n"
	    "  certificate = \"tls/bsf.pem\";  # towards the HSS\n  key = \"tls/bsf.key\";\n", in->bsf, host, in->bsf_port);
	put(w, "  hss = { fqdn = \"%s\"; uri = \"https://%s:%u\"; connect_to = \"%s:%u\"; };\n  hss_anchors = [\"keeper/ca.pem\"];\n  crls = [\"crls/\"];\n"
	    "  require_crl_of = [\"keeper/ca.pem\"];\n",
	    in->hss, in->hss, in->hss_port, host, in->hss_port);
	put(w, "  nafs = ( { fqdn = \"%s\"; groups = [\"m2m\"]; } );  # of SIMs that were added with --naf-group m2m\n};\n", in->maf);
	put(w, "\nzn = {\n  fqdn = \"%s\";\n  listen = [\"%s:%u\"];\n  certificate = \"tls/zn.pem\";\n  key = \"tls/zn.key\";\n"
	    "  client_anchors = [\"keeper/ca.pem\"];\n  crls = [\"crls/\"];\n  require_crl_of = [\"keeper/ca.pem\"];\n};\n", in->zn, host, in->zn_port);
}
