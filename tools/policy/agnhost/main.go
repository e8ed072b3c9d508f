// agnhost for kernels without SCTP's sockets: what the suite asks of it by SCTP it does by raw sockets
// (IPv4), as far as INIT and INIT ACK (RFC 9260, 3.3.2 and 3.3.3); all else is agnhost's own, beside it.
//
//	agnhost connect --timeout=3s --protocol=sctp ADDRESS:PORT
//	SERVE_SCTP_PORT_9003=foo agnhost porter
package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	upstream = "/agnhost.upstream"
	serve    = "SERVE_SCTP_PORT_"
	network  = "ip4:132"
	header   = 12
	initial  = 1
	accepted = 2
)

func main() {
	arguments := os.Args[1:]
	port, serves := served()
	switch {
	case slices.Contains(arguments, "--protocol=sctp"):
		if !connect(arguments[len(arguments)-1], patience(arguments)) {
			fmt.Fprintln(os.Stderr, "TIMEOUT")
			os.Exit(1)
		}
	case slices.Contains(arguments, "porter") && serves:
		answer(port)
	default:
		fail(syscall.Exec(upstream, append([]string{"/agnhost"}, arguments...), os.Environ()))
	}
}

func served() (uint16, bool) {
	for _, one := range os.Environ() {
		if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, serve) {
			port, err := strconv.ParseUint(strings.TrimPrefix(name, serve), 10, 16)
			fail(err)
			return uint16(port), true
		}
	}
	return 0, false
}

func patience(arguments []string) time.Duration {
	for _, one := range arguments {
		if text, is := strings.CutPrefix(one, "--timeout="); is {
			found, err := time.ParseDuration(text)
			fail(err)
			return found
		}
	}
	return time.Second
}

// Whether who is asked accepts within the time; INIT is said again each half second.
func connect(whom string, patience time.Duration) bool {
	to, err := net.ResolveTCPAddr("tcp4", whom)
	fail(err)
	conn, err := net.DialIP(network, nil, &net.IPAddr{IP: to.IP})
	fail(err)
	from := uint16(32768 + time.Now().UnixNano()/1000%28000)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn.Write(packet(from, uint16(to.Port), initial, 0)) // a refusal is a silence
		conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		for buffer := make([]byte, 2048); ; {
			n, _, err := conn.ReadFromIP(buffer) // Read would give the header as well
			if err != nil {
				break
			}
			if is(buffer[:n], uint16(to.Port), from, accepted) {
				return true
			}
		}
	}
	return false
}

func answer(port uint16) {
	conn, err := net.ListenIP(network, nil)
	fail(err)
	for buffer := make([]byte, 2048); ; {
		n, from, err := conn.ReadFromIP(buffer)
		if err != nil || n < header+8 {
			continue
		}
		asker := binary.BigEndian.Uint16(buffer)
		if is(buffer[:n], asker, port, initial) {
			tag := binary.BigEndian.Uint32(buffer[header+4:])
			conn.WriteToIP(packet(port, asker, accepted, tag), from)
		}
	}
}

func packet(from, to uint16, chunk byte, tag uint32) []byte {
	made := binary.BigEndian.AppendUint16(nil, from)
	made = binary.BigEndian.AppendUint16(made, to)
	made = binary.BigEndian.AppendUint32(made, tag)
	made = append(made, 0, 0, 0, 0, chunk, 0, 0, 20)
	for _, number := range []uint32{0x706f6c70, 65536, 1<<16 | 1, 1} { // our tag, window, streams, first TSN
		made = binary.BigEndian.AppendUint32(made, number)
	}
	sum := crc32.Checksum(made, crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(made[8:], sum)
	return made
}

func is(packet []byte, from, to uint16, chunk byte) bool {
	return len(packet) >= header+8 && packet[header] == chunk &&
		binary.BigEndian.Uint16(packet) == from && binary.BigEndian.Uint16(packet[2:]) == to
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "OTHER:", err)
		os.Exit(1)
	}
}
