/* A module of PKCS#11 with one token, whose C_Login answers as it is told; how often it was asked is counted. */
#include <p11-kit/pkcs11.h>
#include <string.h>

#define API __attribute__((visibility("default")))

API CK_RV module_says;
API unsigned module_logins;
API CK_FLAGS module_flags;            /* once a log-in has failed */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret);

static CK_RV nothing(void *arg)
{
	(void)arg;
	return CKR_OK;
}

static CK_RV get_info(CK_INFO *i)
{
	memset(i, 0, sizeof(*i));
	i->cryptokiVersion.major = 2;
	i->cryptokiVersion.minor = 20;
	return CKR_OK;
}

static CK_RV slots(unsigned char present, CK_SLOT_ID *list, CK_ULONG *n)
{
	(void)present;
	if (list)
		list[0] = 1;
	*n = 1;
	return CKR_OK;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *t)
{
	(void)slot;
	memset(t, 0, sizeof(*t));
	memset(t->label, ' ', sizeof(t->label));
	memcpy(t->label, "odd", 3);
	t->flags = module_logins ? module_flags : 0;
	return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *ret)
{
	(void)slot;
	(void)flags;
	(void)app;
	(void)notify;
	*ret = 1;
	return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE s)
{
	(void)s;
	return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE s, CK_USER_TYPE who, unsigned char *pin, CK_ULONG n)
{
	(void)s;
	(void)who;
	(void)pin;
	(void)n;
	module_logins++;
	return module_says;
}

API CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret)
{
	static CK_FUNCTION_LIST list = {
		.version = { 2, 20 }, .C_Initialize = nothing, .C_Finalize = nothing, .C_GetInfo = get_info, .C_GetFunctionList = C_GetFunctionList,
		.C_GetSlotList = slots, .C_GetTokenInfo = token_info, .C_OpenSession = open_session, .C_CloseSession = close_session, .C_Login = login,
	};

	*ret = &list;
	return CKR_OK;
}
