/* What only a server has. */
#include "contract.h"

int main(int argc, char **argv)
{
	contract_prefix = argc > 1 ? argv[1] : "postgresql:";
	return 0;
}
