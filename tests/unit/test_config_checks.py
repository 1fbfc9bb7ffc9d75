# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of checks, what may not, and with which words it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from lvs_agent.config import ConfigRejected, from_document
from lvs_agent.core.checks import (
    BfdCheck,
    BodyPattern,
    DnsCheck,
    FileCheck,
    HttpCheck,
    MiscCheck,
    PingCheck,
    Reply,
    SmtpCheck,
    Source,
    TcpCheck,
    Tls,
    UdpCheck,
)

WEB = "virtual_servers.web"


def document(*, server: dict[str, Any] | None = None, **checks: Any) -> dict[str, Any]:
    """One real server with these checks."""
    return {
        "vrrp_track_files": {"health": {"file": "/run/health"}},
        "bfd_instances": {"rs1": {"neighbor_ip": "2001:DB8::9"}},
        "virtual_servers": {
            "web": {
                "ip": "10.0.0.1",
                "port": 80,
                "real_servers": {"rs": {"ip": "10.1.0.1", **checks}},
                **(server or {}),
            }
        },
    }


def built(**checks: Any) -> Any:
    """The only check of the only real server."""
    config = from_document(document(**checks))
    ((check,),) = [real.checks for real in config.virtual_servers[0].real_servers]
    return check


PACE = {
    "retry": 1, "delay_before_retry_ns": 10**9, "delay_loop_ns": 60 * 10**9,
}  # fmt: skip
NETWORK = PACE | {"address": "10.1.0.1", "port": 80, "connect_timeout_ns": 5 * 10**9}


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ({"tcp_check": {}}, TcpCheck(**NETWORK)),
        ({"ping_check": {}}, PingCheck(**NETWORK | {"port": 0})),
        ({"udp_check": {}}, UdpCheck(**NETWORK)),
        (
            {"udp_check": {"payload": "00 FF", "require_reply": "aX"}},
            UdpCheck(
                payload=b"\0\xff",
                reply=Reply(minimum=0, maximum=255, pattern=b"\xa0", mask=b"\xf0"),
                **NETWORK,
            ),
        ),
        ({"dns_check": {}}, DnsCheck(name=".", type="SOA", **NETWORK)),
        ({"smtp_check": {}}, SmtpCheck(helo_name=None, **NETWORK)),
        (
            {"misc_check": {"misc_path": "/bin/check a", "misc_dynamic": True}},
            MiscCheck(
                argv=("/bin/check", "a"),
                timeout_ns=60 * 10**9,
                dynamic=True,
                secure=False,
                **PACE,
            ),
        ),
        (
            {"file_check": {"track_file": "health", "weight": -2}},
            FileCheck(name="health", path="/run/health", weight=-2, reverse=False, **PACE),
        ),
        (
            {"bfd_check": {"name": "rs1"}},
            BfdCheck(
                name="rs1",
                neighbor="2001:db8::9",
                retry=0,
                delay_before_retry_ns=0,
                delay_loop_ns=60 * 10**9,
                warmup_ns=0,
            ),
        ),
        (
            {"tcp_check": {"connect_ip": "2001:DB8::1", "bindto": "2001:db8::2", "bind_port": 9}},
            TcpCheck(
                source=Source(address="2001:db8::2", port=9), **NETWORK | {"address": "2001:db8::1"}
            ),
        ),
    ],
)
def test_what_is_said_becomes_a_check(checks: dict[str, Any], expected: object) -> None:
    assert built(**checks) == expected


def test_a_url_with_everything() -> None:
    check = built(
        ssl_get={
            "url": {
                "path": "/a",
                "digest": "A" * 32,
                "regex": "ok",
                "regex_options": "caseless multiline dotall",
                "regex_no_match": True,
            },
            "http_protocol": 1.1,
            "expire_warning": 3,
        }
    )
    assert isinstance(check, HttpCheck)
    assert (check.version, check.tls) == ("1.1", Tls(expire_warning_ns=3 * 86_400 * 10**9))
    (url,) = check.urls
    assert url.digest == "a" * 32
    assert url.pattern == BodyPattern(
        text="ok", wanted=False, ignore_case=True, multi_line=True, dot_all=True
    )


def test_security_of_scripts_holds_for_checks() -> None:
    wanted = document(misc_check={"misc_path": "/bin/check"})
    wanted["global_defs"] = {"enable_script_security": True}
    (real,) = from_document(wanted).virtual_servers[0].real_servers
    assert isinstance(real.checks[0], MiscCheck)
    assert real.checks[0].secure


def test_programs_run_as_their_user_else_as_that_of_scripts_and_who_is_part_of_a_check() -> None:
    program = {"misc_path": "/bin/check"}
    wanted = document(misc_check=[{**program, "user": "web:www-data"}, program, program])
    own, usual = from_document(wanted).virtual_servers[0].real_servers[0].checks
    assert isinstance(own, MiscCheck)
    assert isinstance(usual, MiscCheck)
    assert (own.user, own.group, usual.user, usual.group) == ("web", "www-data", None, None)
    assert from_document(wanted).programs == (own,)
    wanted["global_defs"] = {"script_user": "nobody"}
    (own, usual) = from_document(wanted).programs
    assert (own.user, own.group, usual.user, usual.group) == ("web", "www-data", "nobody", None)


def test_a_real_server_overrides_its_virtual_server_and_a_check_both() -> None:
    wanted = document(
        server={"delay_loop": 3, "retry": 4, "warmup": 2},
        delay_loop=2,
        tcp_check=[{}, {"connect_port": 81, "delay_loop": 1}],
    )
    first, second = from_document(wanted).virtual_servers[0].real_servers[0].checks
    assert [(c.delay_loop_ns, c.retry, c.warmup_ns) for c in (first, second)] == [
        (2 * 10**9, 4, 2 * 10**9), (10**9, 4, 2 * 10**9),
    ]  # fmt: skip


def test_alpha_of_a_real_server_is_its_own_though_the_check_is_shared() -> None:
    wanted = document(server={"tcp_check": {}}, alpha=True)
    wanted["virtual_servers"]["web"]["real_servers"]["other"] = {"ip": "10.1.0.2"}
    servers = from_document(wanted).virtual_servers[0].real_servers
    assert [server.checks[0].alpha for server in servers] == [True, False]


def refused(wanted: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigRejected) as rejection:
        from_document(wanted)
    errors: dict[str, str] = {}
    for error in rejection.value.errors:
        errors[error.path] = f"{errors.get(error.path, '')} {error.message}"
    return errors


URL = {"path": "/"}
RS = f"{WEB}.real_servers.rs"


@pytest.mark.parametrize(
    ("checks", "path", "words"),
    [
        ({"tcp_check": {"bindto": "::1"}}, "tcp_check[0].bindto", "cannot reach 10.1.0.1"),
        ({"ping_check": {"connect_ip": "fe80::1"}}, "ping_check[0]", "say bind_if"),
        ({"ping_check": {"connect_port": 80}}, "ping_check[0].connect_port", "unknown option"),
        ({"tcp_check": {"fwmark": 1}}, "tcp_check[0].fwmark", "use bind_if"),
        ({"udp_check": {"payload": 1234}}, "udp_check[0].payload", "put it in quotes"),
        ({"udp_check": {"payload": "abc"}}, "udp_check[0].payload", "two for each byte"),
        ({"udp_check": {"payload": "xx"}}, "udp_check[0].payload", "two for each byte"),
        ({"udp_check": {"require_reply": "zz"}}, "udp_check[0].require_reply", "two for each byte"),
        ({"udp_check": {"min_reply_length": 1}}, "udp_check[0]", "require_reply: true"),
        (
            {"udp_check": {"require_reply": True, "min_reply_length": 300}},
            "udp_check[0].min_reply_length",
            "above max_reply_length",
        ),
        (
            {"udp_check": {"require_reply": "aabb", "max_reply_length": 1}},
            "udp_check[0].require_reply",
            "longer than max_reply_length",
        ),
        ({"dns_check": {"name": "a..b"}}, "dns_check[0].name", "between two dots"),
        ({"dns_check": {"type": "SOB"}}, "dns_check[0].type", "did you mean SOA?"),
        ({"smtp_check": {"helo_name": "a b"}}, "smtp_check[0].helo_name", "not a host's name"),
        ({"smtp_check": {"host": {}}}, "smtp_check[0].host", "write an smtp_check"),
        ({"misc_check": {}}, "misc_check[0].misc_path", "is required"),
        ({"misc_check": {"misc_path": "check"}}, "misc_check[0].misc_path", "full path"),
        ({"misc_check": {"misc_path": "/c | d"}}, "misc_check[0].misc_path", "without a shell"),
        (
            {"misc_check": {"misc_path": "/c", "user": "1"}},
            "misc_check[0].user",
            "is not the name of a user",
        ),
        (
            {"file_check": {"track_file": "healt"}},
            "file_check[0].track_file",
            "did you mean health?",
        ),
        (
            {"file_check": {"track_file": "health", "warmup": 1}},
            "file_check[0].warmup",
            "unknown option",
        ),
        ({"bfd_check": {"name": "rs2"}}, "bfd_check[0].name", "did you mean rs1?"),
        ({"bfd_check": {"name": "x"}}, "bfd_check[0].name", "no x in bfd_instances; describe it"),
        ({"bfd_check": {}}, "bfd_check[0].name", "is required"),
        ({"bfd_check": {"name": "rs1", "retry": 1}}, "bfd_check[0].retry", "unknown option"),
        (
            {"http_get": {"url": URL | {"digest": "z" * 32}}},
            "http_get[0].url[0].digest",
            "not 32 hexadecimal digits",
        ),
        (
            {"http_get": {"url": URL | {"regex": "(a)\\1"}}},
            "http_get[0].url[0].regex",
            "backreferences",
        ),
        (
            {"http_get": {"url": URL | {"regex_no_match": True}}},
            "http_get[0].url[0].regex_no_match",
            "without regex",
        ),
        (
            {"http_get": {"url": URL | {"regex": "a", "regex_options": ["caseles"]}}},
            "http_get[0].url[0].regex_options",
            "did you mean caseless?",
        ),
        ({"http_get": {"url": URL | {"path": "x"}}}, "http_get[0].url[0].path", "begin with /"),
        ({"http_get": {"url": URL, "verify": True}}, "http_get[0].verify", "unknown option"),
        ({"http_get": {"url": URL, "fast_recovery": True}}, "http_get[0].fast_recovery", "every"),
        ({"http_get": {"url": URL, "http_protocol": 2}}, "http_get[0].http_protocol", "one of"),
        ({"ssl_get": {"url": URL, "ca": "/a"}}, "ssl_get[0].ca", "set verify: true"),
        ({"ssl_get": {"url": URL, "ca": "a"}}, "ssl_get[0].ca", "full path"),
        ({"ssl_get": {"url": URL, "key": "/a"}}, "ssl_get[0].key", "set certificate"),
        ({"ssl_get": {"url": URL, "password": "x"}}, "ssl_get[0].password", "openssl pkey"),
        (
            {"ssl_get": {"url": URL, "enable_sni": False, "verify": True}},
            "ssl_get[0].verify",
            "set enable_sni: true",
        ),
        (
            {"ssl_get": {"url": URL, "enable_sni": False, "sni_name": "a.example"}},
            "ssl_get[0].sni_name",
            "set enable_sni: true",
        ),
        ({"ssl_get": {"url": URL, "sni_name": "10.0.0.1"}}, "ssl_get[0].sni_name", "names only"),
        ({"ssl_get": {"url": URL, "sni_name": "a b"}}, "ssl_get[0].sni_name", "not a host's name"),
        (
            {"ssl_get": {"url": URL, "tls_min_version": "1.3", "tls_max_version": "1.2"}},
            "ssl_get[0].tls_max_version",
            "below tls_min_version",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_words(
    checks: dict[str, Any], path: str, words: str
) -> None:
    # A list: its places are named in the errors.
    listed = {kind: [check] for kind, check in checks.items()}
    assert words in refused(document(**listed))[f"{RS}.{path}"]


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
@pytest.mark.parametrize("kind", ["http_get", "ssl_get", "tcp_check", "smtp_check"])
def test_a_service_of_another_protocol_is_not_checked_over_tcp_by_mistake(
    kind: str, protocol: str
) -> None:
    check = {"url": URL} if kind in ("http_get", "ssl_get") else {}
    server = {"protocol": protocol}
    errors = refused(document(server=server, **{kind: check}))
    assert f"a service of {protocol} over TCP; give it the connect_p" in errors[f"{RS}.{kind}[0]"]
    from_document(document(server=server, **{kind: {**check, "connect_port": 81}}))
    from_document(document(server={"protocol": "TCP"}, **{kind: check}))
    from_document(document(server=server, dns_check={}, udp_check={}, ping_check={}))


def test_the_source_of_a_shared_check_must_reach_every_real_server() -> None:
    wanted = document(server={"tcp_check": {"bindto": "::1"}})
    assert "cannot reach 10.1.0.1" in refused(wanted)[RS]
