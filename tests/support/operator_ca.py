"""Certificates of a mobile operator, for tests: a CA, and servers that are clients as well, as network functions of 3GPP are."""
import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class OperatorCa:
    """Files DIR/NAME.pem and DIR/NAME.key; the CA's own is DIR/`name`.pem."""

    def __init__(self, directory, name="operator"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.dir / f"{name}.pem"
        self._write(name, self._sign(self.name, self.key, [(x509.BasicConstraints(True, 0), True), (self._usage(False), True)]), None)

    @staticmethod
    def _usage(leaf):
        return x509.KeyUsage(leaf, False, False, False, False, not leaf, not leaf, False, False)

    def _sign(self, subject, key, extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(days=90))
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name, certificate, key):
        (self.dir / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if key:
            path = self.dir / f"{name}.key"
            path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            path.chmod(0o600)

    def list(self, *revoked, seconds=9 * 86400):
        """DIR/CA.crl: those certificates of it are revoked; good for so long from now on, or ended so long ago."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(now - datetime.timedelta(hours=1))
                   .next_update(now + datetime.timedelta(seconds=seconds)))
        for name in revoked:
            serial = x509.load_pem_x509_certificate((self.dir / f"{name}.pem").read_bytes()).serial_number
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build())
        path = self.pem.with_suffix(".crl")
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path

    def issue(self, name, fqdn):
        key = ec.generate_private_key(ec.SECP256R1())
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        self._write(name, self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fqdn[:64])]), key,
                                     [(x509.BasicConstraints(False, None), True), (self._usage(True), True), (both, False),
                                      (x509.SubjectAlternativeName([x509.DNSName(fqdn)]), False)]), key)
