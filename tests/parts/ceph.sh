# Ceph's RADOS gateway as Debian has it: S3 of another family, with few conditions. One monitor, one store in memory, one
# gateway, everything in one folder.

ceph_install() {
  install_packages radosgw ceph-mon ceph-osd ceph-common ceph-base
}

ceph_start() { # folder
  local id=$(cat /proc/sys/kernel/random/uuid) mons="[v2:127.0.0.1:$(free_port),v1:127.0.0.1:$(free_port)]" port=$(free_port)
  export CEPH_CONF=$1/ceph.conf
  ceph_configuration "$1" "$id" "$mons" >"$CEPH_CONF"
  mkdir "$1/mon" "$1/osd" "$1/run" "$1/log"
  ceph_monitor "$1" "$id" "$mons" && ceph_store "$1" || return 1
  launch ceph-gateway radosgw -n client.rgw.a --rgw-frontends="beast endpoint=127.0.0.1:$port tcp_nodelay=1" -f
  radosgw-admin -n client.rgw.a user create --uid=wharf --display-name=wharf --access-key=wharfceph --secret-key=wharfceph123 \
    >"$log/ceph-user" 2>&1 || return 1
  WHARF_TESTS_CEPH=http://wharfceph:wharfceph123@127.0.0.1:$port/wharf
  make_bucket s3 "$WHARF_TESTS_CEPH" && export WHARF_TESTS_CEPH
}

ceph_monitor() { # folder, id, addresses
  local keys=$1/keyring
  {
    ceph-authtool -C "$keys" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$keys" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keys" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    ceph-authtool "$keys" --gen-key -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx'
    monmaptool --create --clobber --fsid "$2" --addv a "$3" "$1/monmap"
    ceph-mon --mkfs -i a --monmap "$1/monmap" --keyring "$keys"
  } >"$log/ceph-keys" 2>&1 || return 1
  launch ceph-monitor ceph-mon -i a -f
}

ceph_store() { # folder
  local id=$(cat /proc/sys/kernel/random/uuid)
  timeout 60 ceph osd new "$id" >"$log/ceph-new" 2>&1 && ceph-osd -i 0 --mkfs --osd-uuid "$id" >"$log/ceph-mkfs" 2>&1 || return 1
  launch ceph-store ceph-osd -i 0 -f
  local waited
  for waited in $(seq 150); do
    timeout 60 ceph osd stat 2>/dev/null | grep -q '1 up' && return
    sleep 0.2
  done
  return 1
}

# A gateway without `tcp_nodelay` takes 40 ms for each small object. What was deleted is to leave the memory at once. One
# copy of everything is enough here, and Ceph has to be told so in several places.
ceph_configuration() { # folder, id, addresses
  cat <<CONF
[global]
fsid = $2
mon host = $3
keyring = $1/keyring
paxos propose interval = 0.02
paxos min wait = 0.01
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = $1/run
admin socket = $1/run/\$name.asok
pid file = $1/run/\$name.pid
log file = $1/log/\$name.log
mon data = $1/mon
osd data = $1/osd
osd objectstore = memstore
memstore device bytes = 6442450944
osd class dir = $(echo /usr/lib/*/rados-classes)
osd pool default pg autoscale mode = off
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
rgw override bucket index max shards = 1
rgw gc obj min wait = 2
rgw gc processor period = 5
rgw enable ops log = false
rgw enable usage log = false
CONF
}
