#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs once on each host, as root: name, packages, and the cluster's interface.
# Usage: provision.sh NAME ADDRESS/PREFIX MAC
set -eu
name=$1 address=$2 mac=$3

hostname "$name"
echo "$name" >/etc/hostname
grep -q " $name\$" /etc/hosts || echo "127.0.1.1 $name" >>/etc/hosts

# nginx is the service and the sorry server, ipvsadm the witness; a box may have them already.
case $name in client) set -- ;; drct*) set -- nginx-light ipvsadm ;; *) set -- nginx-light ;; esac
for package; do
  if ! dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$'; then
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$package"
  fi
done

if [ -d /var/www/html ]; then echo "$name" >/var/www/html/index.html; fi

# The interface gets its name in the inventory and its address at each boot, whoever manages the
# network in this box; networkd is told to keep off.
mkdir -p /etc/systemd/network
cat >/etc/systemd/network/05-lvs-cluster.network <<END
[Match]
Name=eno16777736
[Link]
Unmanaged=yes
END
cat >/usr/local/sbin/lvs-cluster-network <<END
#!/bin/sh
# The card's driver may come late: a slow processor takes a minute to boot.
for _ in \$(seq 240); do
  for link in /sys/class/net/*; do
    if [ "\$(tr -d : <"\$link/address")" = "$mac" ]; then
      set -e
      if [ "\${link##*/}" != eno16777736 ]; then
        ip link set dev "\${link##*/}" down
        ip link set dev "\${link##*/}" name eno16777736
      fi
      ip link set dev eno16777736 up
      ip address replace "$address" dev eno16777736
      exit 0
    fi
  done
  sleep 0.5
done
echo "no interface has the MAC address $mac" >&2
exit 1
END
chmod 755 /usr/local/sbin/lvs-cluster-network
cat >/etc/systemd/system/lvs-cluster-network.service <<END
[Unit]
Description=The cluster's network interface
Before=network-online.target lvs-agent.service nginx.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lvs-cluster-network
[Install]
WantedBy=multi-user.target network-online.target
END
systemctl daemon-reload
systemctl enable --quiet --now lvs-cluster-network.service
