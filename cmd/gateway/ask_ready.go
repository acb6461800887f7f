package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func readyCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "ready --config FILE",
		Short: "Ask the gateway that runs on this machine whether it can answer partners",
		Long: `Asks /readyz of the gateway that "gateway serve" runs on this machine with the same configuration. Prints "ok" and exits with 0 if it can answer partners;
otherwise it says what is missing, by name ("not ready: practice"), or that nobody answers, and exits with 1.

It is what a container's health check runs, where there is no shell and no curl. It sends no token and reads no record.`,
		Example: "  gateway ready --config /etc/consentry/gateway.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			target, err := readyAddress(cfg)
			if err != nil {
				return err
			}
			text, err := askReady(cmd.Context(), target)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	configFlag(cmd, &config)
	return cmd
}

// readyAddress is /readyz as this machine reaches it.
func readyAddress(cfg *Config) (string, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	switch {
	case err != nil:
		return "", err
	case port == "0":
		return "", errors.New("listen: port 0 is any that is free; the log of the running gateway says which it took")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	scheme := "http"
	if cfg.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/readyz", nil
}

const readyTimeout = 5 * time.Second

// askReady asks. The certificate is of the host by which partners know the gateway, not of this address, and there is nothing here that another server
// could learn or say: so it is not verified.
func askReady(ctx context.Context, target string) (string, error) {
	client := http.Client{
		Timeout:       readyTimeout,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(r)
	if err != nil {
		return "", fmt.Errorf("nobody answers: is `gateway serve` running? %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", target, strings.TrimSpace(string(text)))
	}
	return strings.TrimSpace(string(text)), nil
}
