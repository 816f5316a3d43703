"""TLS: which certificates are trusted, the errors for all others, and http mistaken for https."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import PUT, listening, trickle_body
from tests.support.server_in_process import environ
from tsmem.adapters import open_client
from tsmem.clock import SystemClock
from tsmem.errors import ProfileError, Unavailable
from tsmem.profiles import Profile, describe, load_profile

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes certificates, is missing")

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem), its certificate for localhost (good.pem), and one that has expired
    (old.pem)."""
    path = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=path, check=True, capture_output=True)

    usage = ("-addext", "keyUsage=critical,keyCertSign")  # Python 3.13 trusts no authority without this extension
    openssl("req", "-x509", *EC, "-days", "2", "-subj", "/CN=Private", *usage, "-keyout", "ca.key", "-out", "ca.pem")
    (path / "names").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n")
    for name, days in (("good", "2"), ("old", "-1")):
        openssl("req", *EC, "-subj", "/CN=localhost", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", days, "-extfile", "names", "-out", f"{name}.pem"),
        )
    (path / "hashed").mkdir()
    shutil.copy(path / "ca.pem", path / "hashed")
    openssl("rehash", "hashed")
    return path


def not_found(connection: socket.socket, _: threading.Event) -> None:
    """Send a 404 reply. A client that receives it has trusted the certificate."""
    connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")


def tls(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@pytest.fixture
def endpoint(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server with the certificate that the test names, by default `good`."""
    with listening(not_found, tls(folder, getattr(request, "param", "good"))) as url:
        yield url.replace("http://127.0.0.1", "https://localhost")


def connection_error(profile: Profile) -> Unavailable:
    client = open_client(profile, SystemClock())
    with pytest.raises(Unavailable) as caught:
        client.write_row(PUT)
    return caught.value


def profile(endpoint: str, tmp_path: Path, *, ca_file: Path | None = None, **variables: object) -> Profile:
    text = "" if ca_file is None else f"ca_file = '{ca_file}'\n"
    config = tmp_path / "config.toml"
    config.write_text(
        f"[profiles.p]\nbackend = 'tablestore'\nendpoint = '{endpoint}'\ninstance = 'i'\n"
        f"access_key_id = 'env:ID'\naccess_key_secret = 'env:SECRET'\ntimeout = 20\n{text}"
    )
    variables = {"HOME": "/nonexistent", "ID": "id", "SECRET": "secret-3f", **variables}
    return load_profile({key: str(value) for key, value in variables.items()}, config=config, profile="p")


def test_an_unknown_authority_is_refused_with_a_hint(endpoint: str, tmp_path: Path) -> None:
    error = connection_error(profile(endpoint, tmp_path))

    assert "the certificate of localhost" in error.message
    assert "is not trusted: unable to get local issuer certificate (tried once" in error.message
    assert error.hint == (
        "to trust a private authority, name the file of its certificates as ca_file in the profile, or in SSL_CERT_FILE"
    )


def test_http_to_a_server_that_accepts_only_tls_says_so_and_is_not_retried(endpoint: str, tmp_path: Path) -> None:
    error = connection_error(profile(endpoint.replace("https://", "http://"), tmp_path))

    assert "accepts only TLS (tried once" in error.message
    assert (error.hint, error.ambiguous) == ("begin the endpoint with https://", False)


def test_a_reply_over_tls_takes_no_longer_than_the_timeout(folder: Path, tmp_path: Path) -> None:
    with listening(trickle_body, tls(folder, "good")) as url:
        made = profile(url.replace("http://127.0.0.1", "https://localhost"), tmp_path, ca_file=folder / "ca.pem")
        assert "did not answer in time" in connection_error(made._replace(timeout_s=2.0)).message


@pytest.mark.parametrize(
    "named",
    [
        {"ca_file": "ca.pem"},
        {"SSL_CERT_FILE": "ca.pem"},
        {"SSL_CERT_DIR": "hashed"},
        {"SSL_CERT_FILE": "old.pem", "SSL_CERT_DIR": "hashed"},
    ],
)
def test_ca_file_and_ssl_variables_are_trusted(
    endpoint: str, folder: Path, tmp_path: Path, named: dict[str, str]
) -> None:
    options = {key: folder / value for key, value in named.items()}
    made = profile(endpoint, tmp_path, **options)
    assert "does not reply like TableStore (HTTP 404)" in connection_error(made).message
    if "SSL_CERT_FILE" in named:
        assert ("ca_file", str(options["SSL_CERT_FILE"]), "environment SSL_CERT_FILE") in describe(made)


def test_ca_file_of_the_profile_overrides_ssl_cert_file(endpoint: str, folder: Path, tmp_path: Path) -> None:
    made = profile(endpoint, tmp_path, ca_file=folder / "ca.pem", SSL_CERT_FILE=folder / "good.key")
    assert "(HTTP 404)" in connection_error(made).message
    assert ("ca_file", str(folder / "ca.pem"), "config.toml line 8") in describe(made)


def test_profile_env_trusts_ssl_cert_file(endpoint: str, folder: Path) -> None:
    made = load_profile(environ(endpoint, SSL_CERT_FILE=str(folder / "ca.pem")), profile="env")
    assert "(HTTP 404)" in connection_error(made).message


@pytest.mark.parametrize("endpoint", ["old"], indirect=True)
def test_an_expired_certificate_is_refused(endpoint: str, folder: Path, tmp_path: Path) -> None:
    error = connection_error(profile(endpoint, tmp_path, ca_file=folder / "ca.pem"))
    assert "is not trusted: certificate has expired (tried once" in error.message
    assert error.hint == "renew the certificate, or set the clock of this machine"


def test_a_certificate_of_another_host_is_refused(endpoint: str, folder: Path, tmp_path: Path) -> None:
    url = endpoint.replace("localhost", "127.0.0.1")
    error = connection_error(profile(url, tmp_path, ca_file=folder / "ca.pem"))
    assert "IP address mismatch, certificate is not valid for '127.0.0.1' (tried once" in error.message
    assert error.hint == "check the endpoint in the profile: the certificate is for another host"


def test_a_ca_file_without_certificates_is_a_profile_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="holds no certificates in PEM form"):
        open_client(profile("https://h.example", tmp_path, ca_file=folder / "names"), SystemClock())
