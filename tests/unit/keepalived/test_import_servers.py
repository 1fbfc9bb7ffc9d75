# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keepalived.conf becomes: virtual servers, their real servers and checks."""

from __future__ import annotations

from typing import Any

import pytest
from keepalived_documents import imported, noted
from lvs_agent import config

SERVER = """
virtual_server 192.0.2.1 80 {{
    protocol TCP
    {}
    real_server 198.51.100.1 80 {{
        {}
    }}
}}
"""


def server(text: str) -> dict[str, Any]:
    """The virtual server with this text in it; it is accepted."""
    found = imported(SERVER.format(text, ""))
    assert found.errors() == ()
    values: dict[str, Any] = found.document["virtual_servers"]["192.0.2.1:80"]
    return values


def real(text: str, around: str = "") -> dict[str, Any]:
    """The real server with this text in it; it is accepted."""
    found = imported(SERVER.format(around, text))
    assert found.errors() == ()
    values: dict[str, Any] = found.document["virtual_servers"]["192.0.2.1:80"]["real_servers"][
        "198.51.100.1:80"
    ]
    return values


def notices(text: str, inside: str = "") -> list[str]:
    return [message for _, message in noted(imported(SERVER.format(text, inside)))]


def test_a_farm_with_direct_routing_is_read_whole_with_its_mistakes_named() -> None:
    found = imported("""\
virtual_server 192.0.2.1 80 {
    delay_loop 3
    lb_algo rr
    lb_kind DR
    nat_mask 255.255.0.0
    presistence_timeout 5
    protocol TCP
    sorry_server 127.0.0.1 80
    real_server 198.51.100.1 80 {
        weight 2
        HTTP_GET {
            url {
                path /index.html
                status_code 200
            }
            connect_timeout 3
            nb_get_retry 3
            delay_before_retry 1
        }
    }
    real_server 198.51.100.2 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
""")
    assert found.errors() == ()
    assert found.document == {
        "virtual_servers": {
            "192.0.2.1:80": {
                "ip": "192.0.2.1",
                "port": 80,
                "delay_loop": 3,
                "lb_algo": "rr",
                "lb_kind": "DR",
                "protocol": "TCP",
                "sorry_server": {"ip": "127.0.0.1", "port": 80},
                "real_servers": {
                    "198.51.100.1:80": {
                        "ip": "198.51.100.1",
                        "port": 80,
                        "weight": 2,
                        "http_get": {
                            "url": {"path": "/index.html", "status_code": 200},
                            "connect_timeout": 3,
                            "retry": 3,
                            "delay_before_retry": 1,
                        },
                    },
                    "198.51.100.2:80": {
                        "ip": "198.51.100.2",
                        "port": 80,
                        "weight": 1,
                        "tcp_check": {"connect_timeout": 3},
                    },
                },
            }
        }
    }
    assert noted(found) == [
        (5, "nat_mask has no counterpart here: has no effect in keepalived either; remove it"),
        (
            6,
            "presistence_timeout is not a keyword of virtual_server: it has no effect, in"
            " keepalived neither?persistence_timeout",
        ),
        (17, "nb_get_retry is an old name of retry"),
    ]


@pytest.mark.parametrize(
    ("head", "protocol", "name"),
    [
        ("192.0.2.1 80", "TCP", "192.0.2.1:80"),
        ("192.0.2.1 53", "UDP", "192.0.2.1:53/udp"),
        ("2001:db8::1 80", "TCP", "[2001:db8::1]:80"),
        ("fwmark 7", "TCP", "fwmark-7"),
        ("group web", "TCP", "web"),
        ("group web", "UDP", "web/udp"),
    ],
)
def test_virtual_servers_are_called_by_what_tells_them_apart(
    head: str, protocol: str, name: str
) -> None:
    address = "2001:db8::9" if "2001" in head else "198.51.100.1"
    text = f"virtual_server {head} {{\nreal_server {address} 80 {{\n}}\nprotocol {protocol}\n}}"
    group = "virtual_server_group web {\n192.0.2.1 80\n}\n"
    found = imported(group + text)
    assert list(found.document["virtual_servers"]) == [name]
    assert found.errors() == ()


def test_forwarding_is_nat_where_nobody_says_another_method() -> None:
    assert server("")["lb_kind"] == "NAT"
    assert server("lvs_method TUN type gue port 6080")["lb_kind"] == "TUN type gue port 6080"
    assert real("lvs_method DR")["lb_kind"] == "DR"


def test_a_method_in_small_letters_is_none_as_in_keepalived() -> None:
    assert server("lb_kind dr")["lb_kind"] == "NAT"
    assert noted(imported(SERVER.format("lb_kind dr", ""))) == [
        (4, "'dr': keepalived knows NAT, DR, TUN, in capitals, and no other; the line is left out")
    ]


def test_a_group_of_both_families_with_an_undecided_mark_is_left_out_as_in_keepalived() -> None:
    text = "virtual_server_group g {{\n192.0.2.1 80\n2001:db8::1 80\nfwmark 5{}\n}}\n"
    text += (
        "virtual_server group g {{\nprotocol TCP\nlb_kind TUN\nreal_server 192.0.2.9 80 {{\n}}\n}}"
    )
    assert "virtual_servers" not in imported(text.format("")).document
    assert "g" in imported(text.format(" inet6")).document["virtual_servers"]


def test_without_a_protocol_it_is_udp_as_in_keepalived_and_that_is_said() -> None:
    found = imported("virtual_server 192.0.2.1 53 {\nreal_server 198.51.100.1 53 {\n}\n}")
    assert found.document["virtual_servers"]["192.0.2.1:53/udp"]["protocol"] == "UDP"
    assert [line for line, _ in noted(found)] == [1]


def test_persistence_without_a_time_is_six_minutes() -> None:
    assert server("persistence_timeout")["persistence_timeout"] == 360
    assert server("persistence_timeout 50")["persistence_timeout"] == 50


def test_without_a_port_it_is_persistent_as_in_keepalived() -> None:
    found = imported("virtual_server 192.0.2.1 {\nprotocol TCP\nreal_server 198.51.100.1 {\n}\n}")
    assert found.document["virtual_servers"]["192.0.2.1"]["persistence_timeout"] == 360
    assert found.errors() == ()


def test_a_virtual_server_without_real_servers_is_left_out_as_in_keepalived() -> None:
    found = imported("virtual_server 192.0.2.1 80 {\nprotocol TCP\n}")
    assert found.document == {}
    assert [line for line, _ in noted(found)] == [1]


@pytest.mark.parametrize("twice", ["real_server 198.51.100.1 80 {\nweight 7\n}"])
def test_of_two_servers_with_one_address_the_first_counts_as_in_keepalived(twice: str) -> None:
    assert list(server(twice)["real_servers"]) == ["198.51.100.1:80"]
    assert server(twice)["real_servers"]["198.51.100.1:80"]["weight"] == 7
    assert len(notices(twice)) == 1


def test_a_quorum_that_can_never_be_reached_is_reduced_as_in_keepalived() -> None:
    assert server("quorum 5")["quorum"] == 1
    assert server("quorum 5\nweight 7")["quorum"] == 5
    assert server("hysteresis 2\nquorum 2\nweight 7")["hysteresis"] == 1


def test_what_is_for_udp_or_for_addresses_only_goes_elsewhere() -> None:
    assert "ops" not in server("ops")
    marked = imported("virtual_server fwmark 7 {\nha_suspend\nreal_server 198.51.100.1 80 {\n}\n}")
    assert "ha_suspend" not in marked.document["virtual_servers"]["fwmark-7"]


def test_a_firewall_mark_has_the_family_of_its_real_servers() -> None:
    text = "virtual_server fwmark 7 {{\nreal_server {} 80 {{\n}}\n}}"
    six = imported(text.format("2001:db8::1")).document["virtual_servers"]["fwmark-7"]
    assert six["ip_family"] == "inet6"
    four = imported(text.format("198.51.100.1")).document["virtual_servers"]["fwmark-7"]
    assert "ip_family" not in four


def test_the_sorry_server_has_its_own_method() -> None:
    found = server("sorry_server 198.51.100.9 80\nsorry_server_lvs_method DR")
    assert found["sorry_server"] == {"ip": "198.51.100.9", "port": 80, "lb_kind": "DR"}


def test_groups_are_read_in_all_their_forms() -> None:
    found = imported("""
        virtual_server_group web {
            192.0.2.1 80
            192.0.2.10-20 80
            192.0.2.64/28 443
            192.0.2.2 0
            fwmark 7 inet6
        }
    """)
    assert found.document["virtual_server_groups"]["web"]["members"] == [
        "192.0.2.1 80",
        "192.0.2.10-20 80",
        "192.0.2.64/28 443",
        "192.0.2.2",
        "fwmark 7 inet6",
    ]


# Checks.


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("TCP_CHECK", {}),
        ("PING_CHECK", {}),
        ("UDP_CHECK", {}),
        ("SMTP_CHECK", {}),
        ("DNS_CHECK", {"retry": 3, "delay_before_retry": 60}),
        ("MISC_CHECK", {"retry": 0, "misc_path": "/bin/true"}),
        ("HTTP_GET", {"delay_before_retry": 3, "url": {"path": "/"}}),
        ("SSL_GET", {"delay_before_retry": 3, "url": {"path": "/"}, "enable_sni": False}),
    ],
)
def test_defaults_of_checks_that_differ_are_said(check: str, said: dict[str, Any]) -> None:
    more = {"MISC_CHECK": "misc_path /bin/true", "HTTP_GET": "url {\npath /\n}"}
    more["SSL_GET"] = more["HTTP_GET"]
    text = f"{check} {{\n{more.get(check, '')}\n}}"
    assert real(text)[check.lower()] == said
    for around in ("retry 2\ndelay_before_retry 4", "retry 0\ndelay_before_retry 0"):
        left = {
            key: value for key, value in said.items() if key not in ("retry", "delay_before_retry")
        }
        assert real(text, around)[check.lower()] == left
        assert real(f"{around}\n{text}")[check.lower()] == left


def test_the_checks_pause_is_as_long_as_its_loop_for_dns() -> None:
    assert real("DNS_CHECK {\n}", "delay_loop 7")["dns_check"]["delay_before_retry"] == 7
    assert real("DNS_CHECK {\ndelay_loop 5\n}")["dns_check"]["delay_before_retry"] == 5


def test_several_checks_and_urls_are_lists() -> None:
    text = (
        "HTTP_GET {\nurl {\npath /a\n}\nurl {\npath /b\n}\n}\nTCP_CHECK {\n}\nTCP_CHECK {\nalpha\n}"
    )
    found = real(text)
    assert [url["path"] for url in found["http_get"]["url"]] == ["/a", "/b"]
    assert found["tcp_check"] == [{}, {"alpha": True}]


def test_a_checks_virtualhost_is_that_of_its_urls() -> None:
    urls = "url {\npath /a\n}\nurl {\npath /\nvirtualhost b.example\n}"
    text = f"HTTP_GET {{\nvirtualhost a.example\n{urls}\n}}"
    urls = real(text)["http_get"]["url"]
    assert [url["virtualhost"] for url in urls] == ["a.example", "b.example"]


def test_the_certificate_of_all_goes_into_every_check_over_tls() -> None:
    ssl = "SSL {\nca /ca.pem\ncertificate /c.pem\nkey /k.pem\npassword x\n}\n"
    found = imported(ssl + SERVER.format("", "SSL_GET {\nurl {\npath /\n}\n}"))
    check = found.document["virtual_servers"]["192.0.2.1:80"]["real_servers"]["198.51.100.1:80"]
    assert check["ssl_get"]["certificate"] == "/c.pem"
    assert check["ssl_get"]["key"] == "/k.pem"
    assert found.errors() == ()
    assert "ca" not in check["ssl_get"]  # keepalived verifies nothing by it
    assert [line for line, _ in noted(found)] == [2, 5]


def test_failures_of_all_checks_are_logged() -> None:
    text = "global_defs {\nchecker_log_all_failures\n}\n" + SERVER.format("", "TCP_CHECK {\n}")
    found = imported(text).document
    check = found["virtual_servers"]["192.0.2.1:80"]["real_servers"]["198.51.100.1:80"]
    assert check["tcp_check"] == {"log_all_failures": True}


def test_in_an_old_host_block_the_pace_is_that_of_the_whole_check() -> None:
    host = "host {\nconnect_port 25\nconnect_timeout 2\nretry 4\nalpha\n}"
    text = f"SMTP_CHECK {{\n{host}\nhost {{\nconnect_timeout 3\n}}\n}}"
    both = {"retry": 4, "alpha": True}
    assert real(text)["smtp_check"] == [
        {"connect_port": 25, "connect_timeout": 2, **both},
        {"connect_timeout": 3, **both},
    ]
    wrong = notices("", "SMTP_CHECK {\nhost {\nhelo_name x\n}\n}")
    assert [one for one in wrong if "helo_name" in one] == [
        "helo_name is not a keyword of host: it has no effect, in keepalived neither; it belongs"
        " into SMTP_CHECK"
    ]


def test_old_mail_checks_of_several_hosts_are_several_checks() -> None:
    text = "SMTP_CHECK {\nhelo_name x\nhost {\nconnect_port 25\n}\nhost {\nconnect_port 587\n}\n}"
    assert real(text)["smtp_check"] == [
        {"helo_name": "x", "connect_port": 25},
        {"helo_name": "x", "connect_port": 587},
    ]


def test_status_codes_are_numbers_and_ranges() -> None:
    found = real("HTTP_GET {\nurl {\npath /\nstatus_code 200 301-303\n}\n}")
    assert found["http_get"]["url"]["status_code"] == "200 301-303"


def test_of_a_regex_s_options_those_are_kept_that_we_know() -> None:
    url = "path /\nregex ok\nregex_options caseless ungreedy"
    text = f"HTTP_GET {{\nurl {{\n{url}\n}}\n}}"
    assert real(text)["http_get"]["url"]["regex_options"] == ["caseless"]
    assert notices("", text) == [
        "regex_options knows caseless, dotall, multiline here: 'ungreedy' has no effect"
    ]
    without = text.replace("regex ok\n", "")
    assert real(without)["http_get"]["url"] == {"path": "/"}


def test_a_url_without_a_path_is_left_out_as_in_keepalived() -> None:
    text = "HTTP_GET {\nurl {\npath /a\n}\nurl {\nstatus_code 200\n}\n}"
    assert real(text)["http_get"]["url"] == {"path": "/a"}
    assert notices("", text) == ["a url without path is left out, as in keepalived"]


def test_datagrams_are_read_in_keepalived_s_loose_notation() -> None:
    text = "UDP_CHECK {\npayload Ab12f 3 456\nrequire_reply 0X 1\n}"
    assert real(text)["udp_check"] == {"payload": "Ab120f034506", "require_reply": "0X01"}
    assert real("UDP_CHECK {\nrequire_reply\n}")["udp_check"] == {"require_reply": True}


def test_http_1_0_with_an_end_of_the_connection_is_1_0() -> None:
    found = real("HTTP_GET {\nhttp_protocol 1.0C\nurl {\npath /\n}\n}")
    assert found["http_get"]["http_protocol"] == "1.0"


def test_a_file_that_sets_the_weight_does_so() -> None:
    files = "track_file f {\nfile /run/f\nweight 3\n}\n"
    text = SERVER.format("", "FILE_CHECK {\ntrack_file f\ndynamic\n}")
    found = imported(files + text)
    check = found.document["virtual_servers"]["192.0.2.1:80"]["real_servers"]["198.51.100.1:80"]
    assert check["file_check"] == {"track_file": "f", "weight": 3}
    assert found.errors() == ()


def test_the_imported_document_behaves_as_keepalived_would() -> None:
    """The defaults, down to what the agent makes of them."""
    found = imported(SERVER.format("", "HTTP_GET {\nurl {\npath /\n}\n}"))
    (one,) = config.from_document(found.document).virtual_servers
    (only,) = one.real_servers
    assert only.forwarding == "NAT"
    (check,) = only.checks
    assert check.delay_before_retry_ns == 3_000_000_000
    assert check.delay_loop_ns == 60_000_000_000
    assert check.retry == 1


@pytest.mark.parametrize("method", ["DR", "TUN"])
def test_without_nat_another_port_is_where_a_server_is_checked_as_in_keepalived(
    method: str,
) -> None:
    """ipvsadm shows the virtual server's port there."""
    text = SERVER.format(f"sorry_server 198.51.100.9 99\nlb_kind {method}", "TCP_CHECK {\n}")
    found = imported(text.replace("198.51.100.1 80", "198.51.100.1 8080"))
    assert found.errors() == ()
    values = found.document["virtual_servers"]["192.0.2.1:80"]
    assert values["sorry_server"] == {"ip": "198.51.100.9", "port": 80}
    assert values["real_servers"] == {
        "198.51.100.1:80": {
            "ip": "198.51.100.1",
            "port": 80,
            "tcp_check": {"connect_port": 8080},
        }
    }
    assert [line for line, _ in noted(found)] == [6]
    own = imported(text.replace("198.51.100.1 80 {", "198.51.100.1 8080 {\nlvs_method NAT"))
    assert own.errors() == ()
    assert noted(own) == []
    reals = own.document["virtual_servers"]["192.0.2.1:80"]["real_servers"]
    assert reals["198.51.100.1:8080"]["port"] == 8080


def test_without_nat_a_firewall_mark_s_servers_have_no_port() -> None:
    real_server = "real_server 198.51.100.1 80 {\nTCP_CHECK {\n}\n}"
    found = imported(f"virtual_server fwmark 7 {{\nlb_kind DR\n{real_server}\n}}")
    assert found.document["virtual_servers"]["fwmark-7"]["real_servers"] == {
        "198.51.100.1": {"ip": "198.51.100.1", "tcp_check": {"connect_port": 80}}
    }
    assert found.errors() == ()


def test_errors_have_the_line_of_the_nearest_statement() -> None:
    found = imported(SERVER.format("", "").replace("198.51.100.1 80", "2001:db8::1 80"))
    assert [error.position and error.position.line for error in found.errors()] == [5]


def test_a_check_s_error_has_the_line_of_the_check() -> None:
    found = imported(SERVER.format("", "TCP_CHECK {\nbindto 2001:db8::1\n}"))
    assert [error.position and error.position.line for error in found.errors()] == [7]


def test_a_check_without_a_url_is_left_out_as_in_keepalived() -> None:
    assert "http_get" not in real("HTTP_GET {\nconnect_port 80\n}")
    assert notices("", "HTTP_GET {\nconnect_port 80\n}") == [
        "a check without a url is left out, as in keepalived"
    ]


def test_a_check_of_what_is_not_there_is_left_out_as_in_keepalived() -> None:
    file_check = "FILE_CHECK {\ntrack_file f\n}"
    assert "file_check" not in real(file_check)
    assert notices("", file_check) == ["FILE_CHECK of f is left out: nothing is called so"]
    assert "bfd_check" not in real("BFD_CHECK {\n}")


def test_a_service_of_udp_is_checked_over_tcp_on_its_own_port() -> None:
    text = SERVER.format("", "TCP_CHECK {\n}").replace("protocol TCP", "protocol UDP")
    found = imported(text)
    assert found.errors() == ()
    reals = found.document["virtual_servers"]["192.0.2.1:80/udp"]["real_servers"]
    assert reals["198.51.100.1:80"]["tcp_check"] == {"connect_port": 80}


def test_flags_of_another_scheduler_are_left_out_as_in_keepalived() -> None:
    assert "sh_port" not in server("sh-port")
    assert server("sh-port\nlb_algo sh")["sh_port"] is True
    assert notices("mh-fallback") == ["mh-fallback is left out: it is for the scheduler mh"]
