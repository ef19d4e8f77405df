/* Prints the texts that are made from the configuration table: `gen-config example`, `gen-config manual`. */
#include <stdio.h>
#include <string.h>

#include "server/config.h"

int main(int argc, char **argv)
{
	static char text[64 * 1024];
	struct mst_writer w = mst_writer_of(text, sizeof(text));

	if (argc == 2 && !strcmp(argv[1], "example"))
		mst_conf_print(NULL, &w);
	else if (argc == 2 && !strcmp(argv[1], "manual"))
		mst_conf_manual(&w);
	return !w.ok || fwrite(text, 1, w.n, stdout) != w.n || !w.n;
}
