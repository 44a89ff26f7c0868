package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ownGroup makes a process group, and has the system end the program when the
// runner is killed without a chance to stop it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// startOf is the time a process started, in ticks since the system's start
// (proc(5), field 22 of stat). It is empty for a process that is gone.
func startOf(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field is the program's name in parentheses and may hold anything.
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
