/*
 * An EST client by Bouncy Castle (org.bouncycastle.est) over the JDK's TLS, for tests/scenario/test_est.py:
 *
 *     java -cp bcprov.jar:bcutil.jar:bcpkix.jar EstClient.java HOST:PORT ANCHORS CERT KEY OUT
 *
 * cacerts, csrattrs, simpleenroll with the certificate at hand, then csrattrs and simplereenroll with the one that came; both go
 * to OUT.1 and OUT.2 in PEM. One line says what each step gave. "pending" and the end when the MEF wants to be asked again.
 */
import java.io.ByteArrayInputStream;
import java.io.FileWriter;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import org.bouncycastle.asn1.est.AttrOrOID;
import org.bouncycastle.asn1.est.CsrAttrs;
import org.bouncycastle.asn1.pkcs.Attribute;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public final class EstClient {
	private static final char[] NO_PASSWORD = new char[0];

	private static X509Certificate certificate(byte[] pem) throws Exception {
		return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem));
	}

	private static PrivateKey key(Path pem) throws Exception {
		try (PEMParser p = new PEMParser(new StringReader(Files.readString(pem)))) {
			byte[] der = ((org.bouncycastle.asn1.pkcs.PrivateKeyInfo) p.readObject()).getEncoded();
			return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
		}
	}

	/* Who trusts only these anchors and shows that certificate. */
	private static ESTService service(String server, X509Certificate anchor, X509Certificate own, PrivateKey key) throws Exception {
		Set<TrustAnchor> anchors = new HashSet<>();
		KeyStore store = KeyStore.getInstance("PKCS12");
		KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());

		anchors.add(new TrustAnchor(anchor, null));
		store.load(null, NO_PASSWORD);
		store.setKeyEntry("own", key, NO_PASSWORD, new X509Certificate[] { own });
		keys.init(store, NO_PASSWORD);
		return new JsseESTServiceBuilder(server, JcaJceUtils.getCertPathTrustManager(anchors, null))
			.withKeyManagers(keys.getKeyManagers()).withTimeout(30000).build();
	}

	/* A request with every attribute that the server wants, as it wants it (RFC 8951 3.2). */
	private static PKCS10CertificationRequest request(ESTService est, KeyPair pair) throws Exception {
		JcaPKCS10CertificationRequestBuilder b = new JcaPKCS10CertificationRequestBuilder(new X500Name(new RDN[0]), pair.getPublic());
		CsrAttrs attrs = CsrAttrs.getInstance(est.getCSRAttributes().getAttributesResponse().getEncoded());

		for (AttrOrOID one : attrs.getAttrOrOIDs()) {
			Attribute a = one.isOid() ? null : one.getAttribute();

			/* id-ecPublicKey with a curve says which key is wanted, and is none of the request's */
			if (a == null || a.getAttrType().equals(X9ObjectIdentifiers.id_ecPublicKey))
				continue;
			b.addAttribute(a.getAttrType(), a.getAttributeValues());
			System.out.println("attribute " + (a.getAttrType().equals(PKCSObjectIdentifiers.pkcs_9_at_challengePassword) ? "challengePassword" :
				a.getAttrType().equals(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest) ? "extensionRequest" : a.getAttrType().getId()));
		}
		return b.build(new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate()));
	}

	private static X509Certificate enrol(ESTService est, boolean again, KeyPair pair, String out) throws Exception {
		EnrollmentResponse r = est.simpleEnroll(again, request(est, pair), null);

		if (!r.isCompleted()) {
			System.out.println("pending");
			System.exit(0);
		}
		Collection<X509CertificateHolder> got = r.getStore().getMatches(null);
		X509CertificateHolder one = got.iterator().next();

		try (JcaPEMWriter w = new JcaPEMWriter(new FileWriter(out))) {
			w.writeObject(one);
		}
		System.out.println((again ? "simplereenroll " : "simpleenroll ") + got.size());
		return certificate(Files.readAllBytes(Path.of(out)));
	}

	private static KeyPair pair() throws Exception {
		KeyPairGenerator g = KeyPairGenerator.getInstance("EC");

		g.initialize(new ECGenParameterSpec("secp256r1"));
		return g.generateKeyPair();
	}

	public static void main(String[] args) throws Exception {
		Security.addProvider(new BouncyCastleProvider());
		X509Certificate anchor = certificate(Files.readAllBytes(Path.of(args[1])));
		X509Certificate own = certificate(Files.readAllBytes(Path.of(args[2])));
		ESTService est = service(args[0], anchor, own, key(Path.of(args[3])));
		Collection<X509CertificateHolder> ca = est.getCACerts().getCertificateStore().getMatches(null);
		KeyPair first = pair(), second = pair();

		System.out.println("cacerts " + ca.size() + " " + ca.iterator().next().equals(new X509CertificateHolder(anchor.getEncoded())));
		X509Certificate got = enrol(est, false, first, args[4] + ".1");
		enrol(service(args[0], anchor, got, first.getPrivate()), true, second, args[4] + ".2");
	}
}
