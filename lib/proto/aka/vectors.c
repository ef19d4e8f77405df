#include "proto/aka/vectors.h"

#include "base/text.h"

const struct aka_test_set aka_test_set[AKA_TEST_SETS] = {
	{ "Milenage test set 1", AKA_MILENAGE, .k = "465b5ce8b199b49faa5f0a2ee238a6bc", .rnd = "23553cbe9637a89d218ae64dae47bf35",
	  .sqn = "ff9bb4d0b607", .amf = "b9b9", .op = "cdc202d5123e20f62b6d676ac72cb318", .opc = "cd63cb71954a9f4e48a5994e37a02baf",
	  .f1 = "4a9ffac354dfafb3", .f1s = "01cfaf9ec4e871e9", .f2 = "a54211d5e3ba50bf", .f3 = "b40ba9a3c58b2a05bbf0d987b21bf8cb",
	  .f4 = "f769bcd751044604127672711c6d3441", .f5 = "aa689c648370", .f5s = "451e8beca43b",
	  .autn = "55f328b43577b9b94a9ffac354dfafb3", .auts = "ba853f3c123ccf44e93596e355c6" },
	{ "Milenage test set 2", AKA_MILENAGE, .k = "0396eb317b6d1c36f19c1c84cd6ffd16", .rnd = "c00d603103dcee52c4478119494202e8",
	  .sqn = "fd8eef40df7d", .amf = "af17", .op = "ff53bade17df5d4e793073ce9d7579fa", .opc = "53c15671c60a4b731c55b4a441c0bde2",
	  .f1 = "5df5b31807e258b0", .f1s = "a8c016e51ef4a343", .f2 = "d3a628ed988620f0", .f3 = "58c433ff7a7082acd424220f2b67c556",
	  .f4 = "21a8c1f929702adb3e738488b9f5c5da", .f5 = "c47783995f72", .f5s = "30f1197061c1",
	  .autn = "39f96cd9800faf175df5b31807e258b0", .auts = "cd7ff630bebc1fb5eba74924b0e0" },
	{ "Milenage test set 3", AKA_MILENAGE, .k = "fec86ba6eb707ed08905757b1bb44b8f", .rnd = "9f7c8d021accf4db213ccff0c7f71a6a",
	  .sqn = "9d0277595ffc", .amf = "725c", .op = "dbc59adcb6f9a0ef735477b7fadf8374", .opc = "1006020f0a478bf6b699f15c062e42b3",
	  .f1 = "9cabc3e99baf7281", .f1s = "95814ba2b3044324", .f2 = "8011c48c0c214ed2", .f3 = "5dbdbb2954e8f3cde665b046179a5098",
	  .f4 = "59a92d3b476a0443487055cf88b2307b", .f5 = "33484dc2136b", .f5s = "deacdd848cc6",
	  .autn = "ae4a3a9b4c97725c9cabc3e99baf7281", .auts = "43aeaaddd33a9f8be774d095d08b" },
	{ "Milenage test set 19", AKA_MILENAGE, .k = "5122250214c33e723a5dd523fc145fc0", .rnd = "81e92b6c0ee0e12ebceba8d92a99dfa5",
	  .sqn = "16f3b3f70fc2", .amf = "c3ab", .op = "c9e8763286b5b9ffbdf56e1297d0887b", .opc = "981d464c7c52eb6e5036234984ad0bcf",
	  .f1 = "2a5c23d15ee351d5", .f1s = "62dae3853f3af9d2", .f2 = "28d7b0f2a2ec3de5", .f3 = "5349fbe098649f948f5d2e973a81c00f",
	  .f4 = "9744871ad32bf9bbd1dd5ce54e3e2e5a", .f5 = "ada15aeb7bb8", .f5s = "d461bc15475d",
	  .autn = "bb52e91c747ac3ab2a5c23d15ee351d5" },
	{ "TUAK test set 1", AKA_TUAK, .k = "abababababababababababababababab", .rnd = "42424242424242424242424242424242",
	  .sqn = "111111111111", .amf = "ffff", .op = "5555555555555555555555555555555555555555555555555555555555555555",
	  .opc = "bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff", .f1 = "f9a54e6aeaa8618d",
	  .f1s = "e94b4dc6c7297df3", .f2 = "657acd64", .f3 = "d71a1e5c6caffe986a26f783e5c78be1",
	  .f4 = "be849fa2564f869aecee6f62d4337e72", .f5 = "719f1e9b9054", .f5s = "e7af6b3d0e38" },
	{ "TUAK test set 2", AKA_TUAK, .k = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0",
	  .rnd = "0123456789abcdef0123456789abcdef", .sqn = "0123456789ab", .amf = "abcd",
	  .op = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  .opc = "305425427e18c503c8a4b294ea72c95d0c36c6c6b29d0c65de5974d5977f8524", .f1 = "c0b8c2d4148ec7aa5f1d78a97e4d1d58",
	  .f1s = "ef81af7290f7842c6ceafa537fa0745b", .f2 = "e9d749dc4eea0035", .f3 = "a4cb6f6529ab17f8337f27baa8234d47",
	  .f4 = "2274155ccf4199d5e2abcbf621907f90", .f5 = "480a9345cc1e", .f5s = "f84eb338848c" },
	{ "TUAK test set 4", AKA_TUAK, .k = "b8da837a50652d6ac7c97da14f6acc61", .rnd = "6887e55425a966bd86c9661a5fa72be8",
	  .sqn = "0dea2ee2c5af", .amf = "df1e", .op = "0952be13556c32ebc58195d9dd930493e12a9003669988ffde5fa1f0fe35cc01",
	  .opc = "2bc16eb657a68e1f446f08f57c0efb1d493527a2e652ce281eb6ca0e4487760a", .f1 = "749214087958dd8f58bfcdf869d8ae3f",
	  .f1s = "619e865afe80e382aee13063f9dfb56d", .f2 = "4041ce438e3e38e8aa96562eed83ac43",
	  .f3 = "3e3bc01bea0cd914c4c2c83ce2d92757", .f4 = "666a8e6f577b1aa77b7fd53cebb8a3d6", .f5 = "1f880d005119",
	  .f5s = "45e617d77fe5" },
};

bool aka_test_octets(const char *hex, uint8_t *out, size_t cap, size_t *ret_n)
{
	return mst_hex_decode(mst_view_str(hex), out, cap, ret_n);
}

bool aka_test_is(const uint8_t *got, size_t n, const char *hex)
{
	uint8_t want[AKA_LONG];
	size_t want_n;

	return aka_test_octets(hex, want, sizeof(want), &want_n) && want_n == n &&
	       mst_view_eq((struct mst_view){ got, n }, (struct mst_view){ want, n });
}

static uint8_t octets(const char *hex)
{
	return (uint8_t)(mst_view_str(hex).n / 2);
}

bool aka_test_keys(const struct aka_test_set *t, struct aka_keys *ret_k)
{
	uint8_t k[AKA_LONG], opc[AKA_LONG];
	size_t k_n, opc_n;

	if (!aka_test_octets(t->k, k, sizeof(k), &k_n) || !aka_test_octets(t->opc, opc, sizeof(opc), &opc_n) ||
	    aka_keys_set(ret_k, t->algorithm, (struct mst_view){ k, k_n }, (struct mst_view){ opc, opc_n }))
		return false;
	ret_k->mac_n = octets(t->f1);
	ret_k->res_n = octets(t->f2);
	ret_k->ck_n = octets(t->f3);
	ret_k->ik_n = octets(t->f4);
	return aka_keys_check(ret_k, NULL) == 0;
}
