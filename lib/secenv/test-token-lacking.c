/* SoftHSM2 without one mechanism, whose number TOKEN_LACKS is: what logs in like any other token and then cannot do what a store needs. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>

#define API __attribute__((visibility("default")))

static CK_FUNCTION_LIST *real;

static CK_BBOOL lacks(const CK_MECHANISM *m)
{
	const char *number = getenv("TOKEN_LACKS");

	return number && strtoul(number, NULL, 0) == m->mechanism;
}

static CK_RV generate(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	return lacks(m) ? CKR_MECHANISM_INVALID : real->C_GenerateKey(s, m, t, n, ret);
}

static CK_RV pair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub, CK_ULONG n_pub, CK_ATTRIBUTE *priv, CK_ULONG n_priv, CK_OBJECT_HANDLE *ret_pub,
		  CK_OBJECT_HANDLE *ret_priv)
{
	return lacks(m) ? CKR_MECHANISM_INVALID : real->C_GenerateKeyPair(s, m, pub, n_pub, priv, n_priv, ret_pub, ret_priv);
}

static CK_RV sign_init(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE h)
{
	return lacks(m) ? CKR_MECHANISM_INVALID : real->C_SignInit(s, m, h);
}

API CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret);
API CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
	static CK_FUNCTION_LIST list;
	void *lib = real ? NULL : dlopen(SOFTHSM, RTLD_NOW);
	CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = NULL;

	if (lib)
		*(void **)&get = dlsym(lib, "C_GetFunctionList");
	if (!real && (!get || get(&real) != CKR_OK))
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_GetFunctionList = C_GetFunctionList;
	list.C_GenerateKey = generate;
	list.C_GenerateKeyPair = pair;
	list.C_SignInit = sign_init;
	*ret = &list;
	return CKR_OK;
}
