/*
 * A DHCP option, as text: a hook of the DHCP client (conf/dhcp) writes what the server said into
 * `<run>/dhcp/<interface>`, one name or URI a line. The instruction names the interface, or "any".
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lan.h"

#define OPTION_MAX 1024

static bool plain_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/') && strlen(s) < 16;
}

/* Lines of one file. What is no name is told and left out. */
static size_t read_option(struct agent *a, const char *interface, struct lan_found *f, size_t n, unsigned *refused)
{
	char path[AGENT_PATH_MAX + 32], *save = NULL;
	struct mst_diag d = { 0 };
	uint8_t *p;
	size_t octets;

	snprintf(path, sizeof(path), "%s/dhcp/%s", a->cfg.run, interface);
	if (agent_read_file(path, OPTION_MAX, true, &p, &octets, &d)) {
		agent_log(a, AGENT_INFO, "dhcp-option-unread", "file", path, "why", d.text, NULL);
		return n;
	}
	for (char *line = strtok_r((char *)p, "\r\n", &save); line && n < LAN_FOUND_MAX; line = strtok_r(NULL, "\r\n", &save)) {
		if (lan_parse(mst_view_str(line), &f[n]))
			n += lan_wanted(a, f[n].fqdn, "dhcp", refused);
		else
			agent_log(a, AGENT_WARN, "dhcp-option-malformed", "file", path, "text", line, "want",
				  "an FQDN, FQDN:port or https URI", NULL);
	}
	free(p);
	return n;
}

static void start(struct agent *a, const struct mst_instruction *i)
{
	struct lan_found f[LAN_FOUND_MAX];
	char interface[64], path[AGENT_PATH_MAX + 32];
	const struct dirent *e;
	unsigned refused = 0;
	size_t n = 0;
	DIR *dir;

	if (!mst_view_to_str(i->uri, interface, sizeof(interface)) || !plain_name(interface)) {
		discover_failed(a, PROV_MALFORMED, "no interface name like eth0, and not \"any\"", 0);
		return;
	}
	if (strcmp(interface, "any")) {
		n = read_option(a, interface, f, 0, &refused);
	} else {
		snprintf(path, sizeof(path), "%s/dhcp", a->cfg.run);
		dir = opendir(path);
		while (dir && (e = readdir(dir)) != NULL)
			if (plain_name(e->d_name))
				n = read_option(a, e->d_name, f, n, &refused);
		if (dir)
			closedir(dir);
	}
	if (n || refused)
		lan_yield(a, f, n, refused, "dhcp");
	else
		discover_failed(a, PROV_EMPTY, "no DHCP server told of a briefing node", 0);
}

const struct agent_discovery agent_discover_dhcp = { .method = MST_METHOD_DHCP, .start = start };
