/* The router's table for test-openapi.py: "METHOD path param,param". */
#include <stdio.h>

#include "role/admin/admin.h"

int main(void)
{
	for (size_t i = 0; i < admin_routes_n; i++) {
		const struct admin_route *r = &admin_routes[i];

		printf("%s %s ", r->op == MST_OP_CREATE ? "post" : r->op == MST_OP_DELETE ? "delete" : r->op == MST_OP_UPDATE ? "put" : "get", r->path);
		for (size_t k = 0; k < ADMIN_PARAMS_MAX && r->param[k]; k++)
			printf("%s%s", k ? "," : "", r->param[k]);
		putchar('\n');
	}
	return 0;
}
