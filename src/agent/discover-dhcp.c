/*
 * A DHCP option, as text: a hook of the DHCP client (conf/dhcp) writes what the server said into
 * `<run>/dhcp/<interface>`, one name or URI a line. The instruction names the interface, or "any".
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lan.h"

#define OPTION_MAX 1024

static bool plain_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/') && strlen(s) < 16;
}

struct options {
	struct lan_found found[LAN_FOUND_MAX];
	size_t n;
	struct lan_left left;
	enum prov_reason unread;     /* the last one that is there and cannot be read */
	char why[160];
};

/* Lines of one file. What is no name is told and left out. */
static void read_option(struct agent *a, const char *interface, struct options *o)
{
	char path[AGENT_PATH_MAX + 32], *save = NULL;
	struct lan_found *f = o->found;
	struct mst_diag d = { 0 };
	uint8_t *p;
	size_t octets;
	int r;

	snprintf(path, sizeof(path), "%s/dhcp/%s", a->cfg.run, interface);
	r = agent_read_file(path, OPTION_MAX, true, &p, &octets, &d);
	if (r) {
		agent_log(a, AGENT_INFO, "dhcp-option-unread", "file", path, "why", agent_why(&d, r), NULL);
		if (access(path, F_OK) == 0) {
			o->unread = agent_file_reason(r);
			snprintf(o->why, sizeof(o->why), "the option of %s: %.100s", interface, d.text[0] ? d.text : mst_fault_text(r));
		}
		return;
	}
	for (char *line = strtok_r((char *)p, "\r\n", &save); line && o->n < LAN_FOUND_MAX; line = strtok_r(NULL, "\r\n", &save)) {
		bool good = lan_parse(mst_view_str(line), &f[o->n]);

		o->left.malformed += !good;
		if (good)
			o->n += lan_wanted(a, f[o->n].fqdn, "dhcp", &o->left.refused);
		else
			agent_log(a, AGENT_WARN, "dhcp-option-malformed", "file", path, "text", line, "want",
				  "an FQDN, FQDN:port, https or coaps URI", NULL);
	}
	free(p);
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct options o = { 0 };
	char interface[64], path[AGENT_PATH_MAX + 32];
	const struct dirent *e;
	struct lan_words words = { .from = "dhcp", .nobody = "no DHCP server told of a briefing node" };
	char want[160];
	DIR *dir;

	if (!mst_view_to_str(i->uri, interface, sizeof(interface)) || !plain_name(interface)) {
		discover_failed(a, PROV_MALFORMED, "no interface name like eth0, and not \"any\"", 0);
		return;
	}
	if (strcmp(interface, "any")) {
		read_option(a, interface, &o);
	} else {
		snprintf(path, sizeof(path), "%s/dhcp", a->cfg.run);
		dir = opendir(path);
		while (dir && (e = readdir(dir)) != NULL)
			if (plain_name(e->d_name))
				read_option(a, e->d_name, &o);
		if (dir)
			closedir(dir);
	}
	snprintf(want, sizeof(want), "%s: what was told is no FQDN, FQDN:port or URI", interface);
	words.want = want;
	if (!o.n && !o.left.malformed && o.unread)
		discover_failed(a, o.unread, o.why, 0);
	else
		lan_yield(a, o.found, o.n, &o.left, &words);
}

const struct agent_discovery agent_discover_dhcp = { .method = MST_METHOD_DHCP, .start = start };
