package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"

	"github.com/onexen/terraform-provider-xen/internal/transfer"
)

// job is one copy: where from, where to, and how the server is reached.
type job struct {
	disks
	destination string
	port        int
	bed         bed
}

// method is one way of copying; shell text gets the source as $1, the destination as $2 and the port as $3, and SSH stands for the
// client with the options that all of them share.
type method struct {
	name    string
	shell   string
	command func(ctx context.Context, j job) ([]string, error)
	onlyFor []string // names of cases; nil: all
}

const gcm = " -c aes128-gcm@openssh.com"

var (
	again = []string{"unchanged", "1 % changed"}
	// fresh are the cases in which the variants of one tool differ.
	fresh = []string{"dense", "file system", "qcow2"}
)

var methods = []method{
	{name: "this provider", command: ours(true)},
	{name: "this provider, without a plan", command: ours(false), onlyFor: fresh},
	{name: "scp", shell: `scp -q $OPTIONS -P "$3" "$1" "root@127.0.0.1:$2"`},
	{name: "scp, AES-GCM", shell: `scp -q` + gcm + ` $OPTIONS -P "$3" "$1" "root@127.0.0.1:$2"`, onlyFor: fresh},
	{name: "sftp", shell: `echo "put $1 $2" | sftp -q -b - $OPTIONS -P "$3" root@127.0.0.1`, onlyFor: fresh},
	{name: "rsync -S", shell: `rsync -S -t -e "ssh $OPTIONS -p $3" "$1" "root@127.0.0.1:$2"`},
	{name: "rsync -S --inplace --no-whole-file", shell: `rsync -S -t --inplace --no-whole-file -e "ssh $OPTIONS -p $3" "$1" "root@127.0.0.1:$2"`, onlyFor: again},
	{name: "tar -S over AES-GCM", shell: tarPipe(gcm)},
	{name: "tar -S over the default cipher", shell: tarPipe(""), onlyFor: fresh},
	{name: "ssh cat", shell: `ssh $OPTIONS -p "$3" root@127.0.0.1 "cat >'$2'" <"$1"`, onlyFor: fresh},
	{name: "ssh cat, AES-GCM", shell: `ssh` + gcm + ` $OPTIONS -p "$3" root@127.0.0.1 "cat >'$2'" <"$1"`},
}

// tarPipe gives the file its new name on the way.
func tarPipe(cipher string) string {
	return `tar -cSf - -C "${1%/*}" --transform "s,.*,${2##*/}," "${1##*/}" | ssh` + cipher + ` $OPTIONS -p "$3" root@127.0.0.1 "tar -xSf - -C '${2%/*}'"`
}

func (m method) args(ctx context.Context, j job) ([]string, error) {
	if m.command != nil {
		return m.command(ctx, j)
	}
	return []string{"sh", "-c", m.shell, "sh", j.source, j.destination, strconv.Itoa(j.port)}, nil
}

// ours is this program as it is called for send. The plan of an apply has hashed the file already, so that the transfer need not.
func ours(planned bool) func(ctx context.Context, j job) ([]string, error) {
	return func(ctx context.Context, j job) ([]string, error) {
		if err := j.bed.forgetHashes(); err != nil {
			return nil, err
		}
		if planned {
			if _, err := transfer.Hash(ctx, j.source); err != nil {
				return nil, err
			}
		}
		target := transfer.Target{File: transfer.File{Path: j.destination}}
		if j.before != "" {
			target.Base = &transfer.File{Path: j.destination, Map: j.destination + ".map"}
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(task{Port: j.port, Key: j.bed.key(), HostKey: j.bed.hostKey(), Source: j.source, Target: target})
		return []string{self, "send", string(text)}, err
	}
}
