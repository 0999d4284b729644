// One call of Spiderpool's agent API by a client that go-swagger generated, as Spiderpool's plugin makes it:
// health first, then the call, then the validation of what came back.
//
//	spiderpool-client SOCKET healthy|add|del|add-ips|del-ips|endpoint|coordinator [JSON]
//
// Prints {"result": …} with exit code 0, or {"error": "…"} with exit code 1.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"

	api "orbweaver.dev/test/spiderpool-client/client"
	"orbweaver.dev/test/spiderpool-client/client/connectivity"
	"orbweaver.dev/test/spiderpool-client/client/daemonset"
	"orbweaver.dev/test/spiderpool-client/models"
)

func main() {
	argument := "{}"
	if len(os.Args) > 3 {
		argument = os.Args[3]
	}
	result, err := call(dial(os.Args[1]), os.Args[2], []byte(argument))
	if err != nil {
		print(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
	print(map[string]any{"result": result})
}

func dial(socket string) *api.SpiderpoolAgentAPI {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}
	over := client.NewWithClient(api.DefaultHost, api.DefaultBasePath, api.DefaultSchemes, &http.Client{Transport: transport})
	return api.New(over, strfmt.Default)
}

func call(agent *api.SpiderpoolAgentAPI, verb string, argument []byte) (any, error) {
	if _, err := agent.Connectivity.GetIpamHealthy(connectivity.NewGetIpamHealthyParams()); err != nil {
		return nil, fmt.Errorf("unhealthy spiderpool-agent backend, failed to check: %w", err)
	}
	switch verb {
	case "healthy":
		return nil, nil
	case "add":
		args := &models.IpamAddArgs{}
		if err := json.Unmarshal(argument, args); err != nil {
			return nil, err
		}
		answer, err := agent.Daemonset.PostIpamIP(daemonset.NewPostIpamIPParams().WithIpamAddArgs(args))
		if err != nil {
			return nil, fmt.Errorf("spiderpool IP allocation error: %w", err)
		}
		return answer.Payload, answer.Payload.Validate(strfmt.Default)
	case "del":
		args := &models.IpamDelArgs{}
		if err := json.Unmarshal(argument, args); err != nil {
			return nil, err
		}
		_, err := agent.Daemonset.DeleteIpamIP(daemonset.NewDeleteIpamIPParams().WithIpamDelArgs(args))
		return nil, err
	case "add-ips":
		_, err := agent.Daemonset.PostIpamIps(daemonset.NewPostIpamIpsParams())
		return nil, err
	case "del-ips":
		args := &models.IpamBatchDelArgs{}
		if err := json.Unmarshal(argument, args); err != nil {
			return nil, err
		}
		_, err := agent.Daemonset.DeleteIpamIps(daemonset.NewDeleteIpamIpsParams().WithIpamBatchDelArgs(args))
		return nil, err
	case "endpoint":
		args := &models.GetCoordinatorArgs{}
		if err := json.Unmarshal(argument, args); err != nil {
			return nil, err
		}
		params := daemonset.NewGetWorkloadendpointParams().WithPodNamespace(args.PodNamespace).WithPodName(args.PodName)
		answer, err := agent.Daemonset.GetWorkloadendpoint(params)
		if err != nil {
			return nil, err
		}
		return answer.Payload, answer.Payload.Validate(strfmt.Default)
	case "coordinator":
		args := &models.GetCoordinatorArgs{}
		if err := json.Unmarshal(argument, args); err != nil {
			return nil, err
		}
		_, err := agent.Daemonset.GetCoordinatorConfig(daemonset.NewGetCoordinatorConfigParams().WithGetCoordinatorConfig(args))
		return nil, err
	}
	return nil, fmt.Errorf("unknown verb %q", verb)
}

func print(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}
