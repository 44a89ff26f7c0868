//go:build !linux

package main

import "syscall"

// ownGroup makes a process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// startOf is unknown on this system.
func startOf(int) string { return "" }
