# SPDX-License-Identifier: GPL-3.0-or-later
"""What a keepalived.conf becomes: VRRP, trackers, notifications, mail; and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from keepalived_documents import imported, noted

INSTANCE = """
    vrrp_instance VI_1 {{
        interface eth0
        virtual_router_id 51
        {}
        virtual_ipaddress {{
            192.0.2.9/24
        }}
    }}
"""


def instance(text: str) -> dict[str, Any]:
    """VI_1 with this line in it; it is accepted."""
    found = imported(INSTANCE.format(text))
    assert found.errors() == ()
    values: dict[str, Any] = found.document["vrrp_instances"]["VI_1"]
    return values


def notices(text: str) -> list[str]:
    """What is said of VI_1 with this text in it."""
    return [message for _, message in noted(imported(INSTANCE.format(text)))]


def test_a_pair_with_its_mail_scripts_and_sync_group_is_read_whole() -> None:
    found = imported("""
        global_defs {
            notification_email {
                root@localhost
                admin@example.org
            }
            notification_email_from lvs@example.org
            smtp_server 127.0.0.1 2525
            smtp_connect_timeout 30
            router_id drct1
            vrrp_mcast_group4 224.200.100.18
            script_user nobody nogroup
            enable_script_security
        }
        vrrp_script web {
            script "/usr/bin/pgrep -x nginx"
            interval 2
            weight -20 reverse
            fall 3
        }
        vrrp_sync_group both {
            group {
                VI_1
                VI_2
            }
            notify "/usr/local/bin/tell group"
            smtp_alert
        }
        vrrp_instance VI_1 {
            state MASTER
            interface eth0
            virtual_router_id 81
            priority 100
            advert_int 1
            authentication {
                auth_type PASS
                auth_pass zrs66zrs
            }
            virtual_ipaddress {
                192.0.2.99/32 brd 192.0.2.99 dev eth0 label eth0:0
            }
            track_script {
                web weight 5
            }
            notify_master "/usr/local/bin/tell 'the master'"
        }
        vrrp_instance VI_2 {
            state BACKUP
            interface eth1
            virtual_router_id 82
            priority 90
            unicast_src_ip 198.51.100.1
            unicast_peer {
                198.51.100.2 min_ttl 254
            }
            virtual_ipaddress {
                198.51.100.99/24
            }
        }
    """)
    assert noted(found) == []
    assert found.errors() == ()
    assert found.document == {
        "global_defs": {
            "notification_email": ["root@localhost", "admin@example.org"],
            "notification_email_from": "lvs@example.org",
            "smtp_server": "127.0.0.1 2525",
            "smtp_connect_timeout": 30,
            "router_id": "drct1",
            "vrrp_mcast_group4": "224.200.100.18",
            "script_user": "nobody:nogroup",
            "enable_script_security": True,
        },
        "vrrp_scripts": {
            "web": {
                "script": "/usr/bin/pgrep -x nginx",
                "interval": 2,
                "weight": -20,
                "reverse": True,
                "fall": 3,
            }
        },
        "vrrp_sync_groups": {
            "both": {
                "group": ["VI_1", "VI_2"],
                "notify": "/usr/local/bin/tell group",
                "smtp_alert": True,
            }
        },
        "vrrp_instances": {
            "VI_1": {
                "state": "MASTER",
                "interface": "eth0",
                "virtual_router_id": 81,
                "priority": 100,
                "advert_int": 1,
                "authentication": {"auth_type": "PASS", "auth_pass": "zrs66zrs"},
                "virtual_ipaddress": ["192.0.2.99/32 brd 192.0.2.99 dev eth0 label eth0:0"],
                "track_script": ["web weight 5"],
                "notify_master": "/usr/local/bin/tell 'the master'",
            },
            "VI_2": {
                "state": "BACKUP",
                "interface": "eth1",
                "virtual_router_id": 82,
                "priority": 90,
                "unicast_src_ip": "198.51.100.1",
                "unicast_peer": ["198.51.100.2 min_ttl 254"],
                "virtual_ipaddress": ["198.51.100.99/24"],
            },
        },
    }


def test_a_misspelt_keyword_has_no_effect_and_is_named_with_its_line() -> None:
    found = imported(INSTANCE.format("preempt_delya 5"))
    assert "preempt_delay" not in found.document["vrrp_instances"]["VI_1"]
    assert noted(found) == [
        (
            5,
            "preempt_delya is not a keyword of vrrp_instance: it has no effect, in keepalived"
            " neither?preempt_delay",
        )
    ]


def test_a_keyword_in_the_wrong_block_is_told_where_it_belongs() -> None:
    assert notices("router_id x") == [
        "router_id is not a keyword of vrrp_instance: it has no effect, in keepalived neither; it"
        " belongs into global_defs"
    ]


def test_an_unknown_block_is_left_out_as_a_whole() -> None:
    found = imported("vrrp_gadget x {\n priority 5\n}\n" + INSTANCE.format(""))
    assert list(found.document) == ["vrrp_instances"]
    assert [line for line, _ in noted(found)] == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("priority 300", "priority must be from 1 to 255, not 300; it is left out"),
        ("priority", "priority lacks its value; it is left out"),
        ("priority high", "priority must be a whole number, not 'high' (example: 100); it is left"),
        ("smtp_alert maybe", "smtp_alert must be on or off, not 'maybe'; it is left out"),
        ("mcast_src_ip 192.0.2", "mcast_src_ip must be an IP address, not '192.0.2'"),
        ("notify_master", "notify_master lacks its value; it is left out"),
        ("virtual_routes", "virtual_routes lacks its block; it is left out"),
        ("version 4", "version must be one of 2, 3, not '4'; it is left out"),
        ("use_ipvlan", "use_ipvlan has no counterpart here: "),
    ],
)  # fmt: skip
def test_what_keepalived_refuses_is_left_out_with_the_reason(text: str, message: str) -> None:
    words = message.replace(" (example: 100)", "")
    assert len(notices(text)) == 1
    assert notices(text)[0].replace(" (example: 100)", "").startswith(words)
    assert text.split(maxsplit=1)[0] not in instance(text)


def test_what_is_said_twice_counts_as_said_last() -> None:
    assert instance("priority 7\npriority 8")["priority"] == 8
    assert notices("priority 7\npriority 8") == ["priority is said before; this one counts"]


def test_lists_that_are_said_twice_are_joined() -> None:
    found = imported(INSTANCE.format("virtual_ipaddress {\n192.0.2.10\n}"))
    addresses = found.document["vrrp_instances"]["VI_1"]["virtual_ipaddress"]
    assert addresses == ["192.0.2.10", "192.0.2.9/24"]
    assert noted(found) == []


def test_words_that_have_no_effect_are_named() -> None:
    assert notices("nopreempt off") == [
        "nopreempt takes no more words: 'off' has no effect, in keepalived neither"
    ]
    assert instance("nopreempt off")["nopreempt"] is True
    text = "virtual_ipaddress_excluded {\n192.0.2.10 dev eth1 frobnicate track_group x\n}"
    assert instance(text)["virtual_ipaddress_excluded"] == ["192.0.2.10 dev eth1"]
    assert notices(text) == [
        "frobnicate in '192.0.2.10 dev eth1 frobnicate track_group x' is left out: it has no effect"
        " here",
        "track_group x is left out, as in keepalived: it is for static entries",
    ]


def test_a_line_that_cannot_be_read_is_left_out_alone() -> None:
    text = "virtual_ipaddress_excluded {\n192.0.2.300\n192.0.2.10\n}"
    assert instance(text)["virtual_ipaddress_excluded"] == ["192.0.2.10"]
    assert len(notices(text)) == 1


def test_keywords_that_nobody_misses_give_no_notice() -> None:
    assert notices("native_ipv6\ndebug 4\nkernel_rx_buf_size 65536") == []


# What several statements mean together.


def test_an_initial_master_without_priority_is_the_address_owner_as_in_keepalived() -> None:
    assert instance("state MASTER")["priority"] == 255
    assert instance("state MASTER\npriority 100")["priority"] == 100
    assert "priority" not in instance("state BACKUP")


@pytest.mark.parametrize("text", ["nopreempt", "preempt_delay 5"])
def test_an_initial_master_preempts_as_in_keepalived(text: str) -> None:
    master = f"state MASTER\npriority 100\n{text}"
    assert text.split(maxsplit=1)[0] not in instance(master)
    assert len(notices(master)) == 1
    assert text.split(maxsplit=1)[0] in instance(f"state BACKUP\n{text}")


def test_authentication_goes_where_there_is_none() -> None:
    text = "authentication {\nauth_type PASS\nauth_pass x\n}"
    assert "authentication" in instance(text)
    assert "authentication" not in instance(f"version 3\n{text}")
    assert "authentication" not in instance(f"strict_mode\n{text}")
    assert "authentication" not in instance("authentication {\nauth_type PASS\n}")


def test_the_checksum_of_version_3_stays_as_keepalived_has_it() -> None:
    third = imported(INSTANCE.format("version 3"))
    assert third.document["global_defs"] == {"v3_checksum_as_v2": False}
    second = imported(INSTANCE.format("version 2"))
    assert "global_defs" not in second.document
    said = imported("global_defs {\nv3_checksum_as_v2\n}" + INSTANCE.format("version 3"))
    assert said.document["global_defs"] == {"v3_checksum_as_v2": True}


def test_an_instance_without_addresses_is_one() -> None:
    found = imported("vrrp_instance V {\ninterface eth0\nvirtual_router_id 5\n}")
    assert found.document["vrrp_instances"]["V"]["no_virtual_ipaddress"] is True
    assert found.errors() == ()


def test_addresses_of_another_family_than_the_first_are_left_out_as_in_keepalived() -> None:
    found = imported(INSTANCE.format("virtual_ipaddress {\n192.0.2.8\n2001:db8::1\n}"))
    instance_ = found.document["vrrp_instances"]["VI_1"]
    assert instance_["virtual_ipaddress"] == ["192.0.2.8", "192.0.2.9/24"]
    assert [line for line, _ in noted(found)] == [7]


def test_an_instance_that_keepalived_would_not_run_is_left_out_and_with_it_its_membership() -> None:
    found = imported(
        INSTANCE.format("")
        + "vrrp_instance broken {\ninterface eth1\n}\n"
        + "vrrp_sync_group G {\ngroup {\nVI_1\nbroken\n}\n}\n"
        + "vrrp_sync_group H {\ngroup {\nbroken\n}\n}\n"
    )
    assert list(found.document["vrrp_instances"]) == ["VI_1"]
    assert found.document["vrrp_sync_groups"] == {"G": {"group": ["VI_1"]}}
    assert found.errors() == ()
    messages = [message for _, message in noted(found)]
    assert "broken lacks virtual_router_id: it is left out" in messages
    assert "there is no instance broken: the group is without it" in messages


def test_a_tracker_that_is_not_there_is_left_out() -> None:
    text = "track_script {\nnothing weight 5\n}"
    assert "track_script" not in instance(text)
    assert notices(text) == ["track_script nothing is left out: nothing is called so"]


# Commands.


def script(command: str, programs: dict[str, str] | None = None) -> tuple[Any, list[str]]:
    """The script, and what is said of it."""
    text = f"global_defs {{\nscript_user nobody\n}}\nvrrp_script s {{\nscript {command}\n}}\n"
    found = imported(text, programs)
    assert found.errors() == ()
    messages = [message for _, message in noted(found)]
    return found.document.get("vrrp_scripts", {}).get("s", {}).get("script"), messages


def test_commands_keep_their_words() -> None:
    assert script("\"/bin/sh -c 'exit 1'\"") == ("/bin/sh -c 'exit 1'", [])
    assert script('"/bin/test ! -f /run/down"') == ("/bin/test '!' -f /run/down", [])
    # Dollars need a list: our own splitting would take them for a shell's.
    assert script("'/bin/echo \"a$b\"'")[0] in (["/bin/echo", "a$b"], "/bin/echo 'a$b'")


def test_a_program_without_a_path_is_looked_for() -> None:
    assert script('"killall -0 nginx"', {"killall": "/usr/local/bin/killall"}) == (
        "/usr/local/bin/killall -0 nginx",
        [],
    )
    assert script('"killall -0 nginx"') == (
        "/usr/bin/killall -0 nginx",
        ["killall is taken to be /usr/bin/killall"],
    )


def test_of_a_command_without_quotes_only_the_first_word_counts_as_in_keepalived() -> None:
    assert script("/bin/test -f /run/x") == (
        "/bin/test",
        ["script takes no more words: '-f /run/x' has no effect, in keepalived neither"],
    )


def test_what_only_a_shell_understands_is_said() -> None:
    command, messages = script('"/bin/test -f /x && /bin/test -f /y"')
    assert command == "/bin/test -f /x '&&' /bin/test -f /y"
    assert len(messages) == 1
    assert messages[0].startswith("only a shell understands this command")


def test_the_user_behind_a_command_is_said_to_have_no_effect() -> None:
    assert notices('notify_master "/bin/x a" root')[:1] == [
        "notify_master is run as script_user here, not as root"
    ]


def test_who_scripts_run_as_is_said_once_where_nobody_is_named() -> None:
    text = "notify_master /bin/x\nnotify_backup /bin/x"
    assert [one[:33] for one in notices(text)] == ["scripts run as the agent's own us"]


# Other blocks.


def test_trackers_and_bfd_sessions_are_read() -> None:
    found = imported("""
        track_file maintenance {
            file /run/maintenance
            weight 2 reverse
            init_file 0 overwrite
        }
        vrrp_track_process nginx {
            process nginx -g "daemon off;"
            param_match initial
            quorum 2
            delay 0.5
        }
        bfd_instance router {
            neighbor_ip 192.0.2.1
            min_rx 50.5
            passive
            checker
        }
    """)
    assert noted(found) == []
    assert found.errors() == ()
    assert found.document == {
        "vrrp_track_files": {
            "maintenance": {
                "file": "/run/maintenance",
                "weight": 2,
                "reverse": True,
                "init_file": 0,
                "overwrite": True,
            }
        },
        "vrrp_track_processes": {
            "nginx": {
                "process": ["nginx", "-g", "daemon off;"],
                "param_match": "initial",
                "quorum": 2,
                "delay": 0.5,
            }
        },
        "bfd_instances": {"router": {"neighbor_ip": "192.0.2.1", "min_rx": 50.5, "passive": True}},
    }


def test_static_addresses_without_an_interface_have_the_default_one() -> None:
    static = "static_ipaddress {\n192.0.2.1/24\n192.0.2.2/24 dev eth9\n}"
    usual = imported(static).document["static_ipaddress"]
    assert usual == ["192.0.2.1/24 dev eth0", "192.0.2.2/24 dev eth9"]
    said = imported(f"global_defs {{\ndefault_interface eth3\n}}\n{static}").document
    assert said["static_ipaddress"][0] == "192.0.2.1/24 dev eth3"
    assert "global_defs" not in said


def test_the_old_forms_of_the_sync_daemon_are_read() -> None:
    def daemon(words: str) -> object:
        found = imported(f"global_defs {{\nlvs_sync_daemon {words}\n}}").document
        return found["global_defs"]["lvs_sync_daemon"]

    assert daemon("eth1 VI_1") == "eth1 inst VI_1"
    assert daemon("eth1 VI_1 7") == "eth1 inst VI_1 id 7"
    assert daemon("eth1 inst VI_1 id 7 ttl 3") == "eth1 inst VI_1 id 7 ttl 3"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", True),
        (" vrrp.7", "vrrp.7"),
        (" vrrp.7 02:00:00:00:00:01", "vrrp.7 02:00:00:00:00:01"),
        (" 02:00:00:00:00:01", {"mac": "02:00:00:00:00:01"}),
    ],
)
def test_a_vmac_is_read_with_and_without_its_name(words: str, value: object) -> None:
    assert instance(f"use_vmac{words}")["use_vmac"] == value


def test_errors_of_our_own_check_have_the_line_that_they_come_from() -> None:
    found = imported(INSTANCE.format("mcast_dst_ip 192.0.2.7"))
    assert [(e.position and e.position.line, e.path) for e in found.errors()] == [
        (5, "vrrp_instances.VI_1.mcast_dst_ip")
    ]


def test_an_empty_file_is_an_empty_document() -> None:
    assert imported("").document == {}


def test_a_kind_of_authentication_in_small_letters_is_none_as_in_keepalived() -> None:
    text = "authentication {\nauth_type ah\nauth_pass secret\n}"
    assert "authentication" not in instance(text)
    assert any("auth_type" in message for message in notices(text))


def test_a_file_of_nothing_but_mistakes_is_read_in_bounded_time() -> None:
    """Suggestions are looked for a limited number of times, and long lists are not read."""
    mistakes = "".join(f"mistake{number:05} x\n" for number in range(3000))
    found = imported(INSTANCE.format(mistakes))
    assert len(found.noted) == 3000
    lines = "".join("192.0.2.1 what\n" for number in range(3000))
    long = imported(INSTANCE.format(f"virtual_ipaddress {{\n{lines}}}"))
    assert len(long.noted) == 1001
    assert [error.path for error in long.errors()] == ["vrrp_instances.VI_1.virtual_ipaddress"]


def test_a_tracker_that_is_defined_behind_its_use_is_left_out_as_in_keepalived() -> None:
    script = "vrrp_script web {\nscript /bin/true\n}\n"
    use = INSTANCE.format("track_script {\nweb\n}")
    before, behind = imported(script + use), imported(use + script)
    assert before.document["vrrp_instances"]["VI_1"]["track_script"] == ["web"]
    assert "track_script" not in behind.document["vrrp_instances"]["VI_1"]
    assert noted(behind)[0] == (
        6,
        "track_script web is left out: it is defined further down, where keepalived does not look",
    )


def test_what_keepalived_corrects_is_corrected_and_said() -> None:
    assert instance("advert_int 1.5")["advert_int"] == 2
    assert instance("advert_int 0.2")["advert_int"] == 1
    assert instance("version 3\nadvert_int 0.2")["advert_int"] == 0.2
    assert "nopreempt" not in instance("priority 255\nnopreempt")
    assert "preempt" not in instance("nopreempt\npreempt")
    assert "vmac_xmit_base" not in instance("vmac_xmit_base")
    assert instance("track_interface {\neth1 weight 5\neth1\n}")["track_interface"] == [
        "eth1 weight 5"
    ]
    for text in ("advert_int 1.5", "priority 255\nnopreempt", "vmac_xmit_base"):
        assert len(notices(text)) == 1


def test_a_director_is_no_peer_of_itself() -> None:
    text = "unicast_src_ip 192.0.2.1\nunicast_peer {{\n192.0.2.1\n{}\n}}"
    assert instance(text.format("192.0.2.2"))["unicast_peer"] == ["192.0.2.2"]
    assert "unicast_peer" not in instance(text.format(""))
    assert len(notices(text.format("192.0.2.2"))) == 1


def test_mail_that_nobody_would_deliver_is_left_out() -> None:
    found = imported("global_defs {\nnotification_email {\nroot@localhost\n}\nrouter_id x\n}")
    assert found.document == {"global_defs": {"router_id": "x"}}
    assert found.errors() == ()
    assert [line for line, _ in noted(found)] == [2]


def test_dump_files_in_tmp_become_files_that_others_see() -> None:
    found = imported(
        """
        global_defs {
            json_dump_file /tmp/sub/k.json
            state_dump_file /srv/k.data
            json_version 2
            data_use_instance
        }
        """
    )
    assert found.document["global_defs"] == {
        "json_dump_file": "/run/lvs-agent/k.json",
        "state_dump_file": "/srv/k.data",
        "json_version": "2",
    }
    ((line, told),) = noted(found)
    assert (line, told.partition(":")[0]) == (
        3,
        "json_dump_file /tmp/sub/k.json becomes /run/lvs-agent/k.json",
    )


def test_track_groups_are_left_out_where_keepalived_leaves_them_out() -> None:
    found = imported(
        """
        track_group G {
            group {
                one
                nobody
            }
        }
        track_group empty {
            group {
                nobody
            }
        }
        static_ipaddress {
            10.9.0.1/24 dev eth1 track_group G
            10.9.0.2/24 dev eth1 no_track track_group G
            10.9.0.3/24 dev eth1 track_group empty
            10.9.0.4/24 dev eth1 track_group later
        }
        track_group later {
            group {
                one
            }
        }
        static_routes {
            10.8.0.0/16 via 10.2.0.9 dev eth2 track_group later
            10.7.0.0/16 via 10.2.0.9 track_group G
        }
        static_rules {
            iif eth3 table 9 preference 901 track_group G
            from 10.9.0.1 table 9 preference 900 track_group G
        }
        vrrp_instance one {
            interface eth0
            virtual_router_id 51
            virtual_ipaddress {
                192.0.2.99/24 track_group G
            }
        }
        """
    )
    document = found.document
    assert document["track_groups"] == {"G": {"group": ["one"]}, "later": {"group": ["one"]}}
    assert document["static_ipaddress"] == [
        "10.9.0.1/24 dev eth1 track_group G",
        "10.9.0.2/24 dev eth1 no_track",
        "10.9.0.3/24 dev eth1",
        "10.9.0.4/24 dev eth1",
    ]
    for section in ("static_routes", "static_rules"):
        assert ["track_group" in line for line in document[section]] == [True, False]
    assert document["vrrp_instances"]["one"]["virtual_ipaddress"] == ["192.0.2.99/24"]
    why = [(line, text.rpartition(": ")[2]) for line, text in noted(found)]
    assert sorted(why) == [
        (2, "the group is without it"),
        (8, "it is left out"),
        (8, "the group is without it"),
        (15, "no_track says the opposite"),
        (16, "nothing is called so"),
        (17, "it is defined further down, where keepalived does not look"),
        (26, "without an interface there is nothing to track"),
        (30, "without an interface there is nothing to track"),
        (36, "it is for static entries"),
    ]
