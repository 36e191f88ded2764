// CoreDNS as the lab runs it: the server of the project itself, with the few of its plugins that
// answer for a cluster, and without the rest, which bring the libraries of three clouds.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// A plugin that is not in this list never gets a query; the order is the chain's.
	dnsserver.Directives = []string{
		"bind", "reload", "ready", "health", "errors", "log", "cache", "loadbalance", "template", "hosts", "kubernetes",
	}
	coremain.Run()
}
