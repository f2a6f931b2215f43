"""A certificate authority for one run and a certificate of it for localhost."""

import subprocess
from pathlib import Path


class Certificates:
    """ca: the authority's certificate; cert and key: the server's, for localhost and 127.0.0.1."""

    def __init__(self, folder):
        self.folder = Path(folder) / "certs"
        self.folder.mkdir(parents=True)
        self.ca = self.folder / "ca.pem"
        self.cert = self.folder / "server.pem"
        self.key = self.folder / "server.key"
        ca_key = self.folder / "ca.key"
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "2",
                      "-subj", "/CN=postern test authority")
        request = self.folder / "server.csr"
        self._openssl("req", *new_key, "-keyout", self.key, "-out", request,
                      "-subj", "/CN=localhost")
        names = self.folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key,
                      "-CAcreateserial", "-out", self.cert, "-days", "2", "-extfile", names)

    def _openssl(self, *argv):
        subprocess.run(["openssl", *map(str, argv)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder)
