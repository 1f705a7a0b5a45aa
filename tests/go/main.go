// Command judge asks a broker the questions of the conformance suite with franz-go, and prints a line of
// JSON for each: {"scenario": ..., "answer": ...}. It judges nothing: the suite asks Apache Kafka the same
// and compares. So an answer holds nothing that differs between two runs: no ids, times or random names.
//
// Usage: judge BOOTSTRAP [SCENARIO...]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	scenarioTimeout = 60 * time.Second
	parallel        = 8
	// Parts of a broker may hear of a new topic a little later than its leader.
	settle = 200 * time.Millisecond
)

// An answer is a line of what was seen each; a scenario that can't go on panics (see must).
type answer = []string

type scenario struct {
	name string
	run  func(context.Context, *judge) answer
}

type judge struct {
	bootstrap string
	admin     *kadm.Client
}

var names atomic.Int64

func main() {
	bootstrap, wanted := os.Args[1], os.Args[2:]
	j := &judge{bootstrap: bootstrap}
	client := j.client(kgo.MetadataMinAge(20 * time.Millisecond))
	defer client.Close()
	j.admin = kadm.NewClient(client)
	j.ready(context.Background())

	var printing, running sync.WaitGroup
	lines := make(chan map[string]any)
	printing.Go(func() {
		encoder := json.NewEncoder(os.Stdout)
		for line := range lines {
			must(encoder.Encode(line))
		}
	})
	places := make(chan struct{}, parallel)
	for _, each := range slices.Concat(recordScenarios, adminScenarios, groupScenarios, transactionScenarios) {
		if len(wanted) > 0 && !slices.Contains(wanted, each.name) {
			continue
		}
		running.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			lines <- ask(j, each)
		})
	}
	running.Wait()
	close(lines)
	printing.Wait()
}

func ask(j *judge, s scenario) (line map[string]any) {
	ctx, cancel := context.WithTimeout(context.Background(), scenarioTimeout)
	defer cancel()
	start := time.Now()
	line = map[string]any{"scenario": s.name}
	defer func() {
		if problem := recover(); problem != nil {
			line["failure"] = fmt.Sprint(problem)
		}
		line["seconds"] = time.Since(start).Seconds()
	}()
	line["answer"] = s.run(ctx, j)
	return line
}

// ready waits for the coordinators, whose topics are made when they are first asked for.
func (j *judge) ready(ctx context.Context) {
	until(ctx, "coordinators", func() bool {
		groups, transactions := j.admin.FindGroupCoordinators(ctx, "g"), j.admin.FindTxnCoordinators(ctx, "t")
		return groups["g"].Err == nil && transactions["t"].Err == nil
	})
}

// client is a client whose waits are short, so that the suite is.
func (j *judge) client(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{
		kgo.SeedBrokers(j.bootstrap),
		kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, options...)
	client, err := kgo.NewClient(all...)
	must(err)
	return client
}

func name(what string) string {
	return fmt.Sprintf("%s-franz-%d-%d", what, os.Getpid(), names.Add(1))
}

// topic makes a topic; configs are names and values in turn.
func (j *judge) topic(ctx context.Context, partitions int32, configs ...string) string {
	topic := name("topic")
	settings := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		settings[configs[i]] = &configs[i+1]
	}
	response, err := j.admin.CreateTopic(ctx, partitions, 1, settings, topic)
	must(err)
	must(response.Err)
	until(ctx, "the topic's leaders", func() bool {
		offsets, err := j.admin.ListEndOffsets(ctx, topic)
		return err == nil && offsets.Error() == nil
	})
	time.Sleep(settle)
	return topic
}

// send produces with a client of its own and returns the records with their offsets.
func (j *judge) send(ctx context.Context, records []*kgo.Record, options ...kgo.Opt) []*kgo.Record {
	producer := j.client(append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	defer producer.Close()
	must(producer.ProduceSync(ctx, records...).FirstErr())
	return records
}

// read fetches count records of the partitions from their beginnings.
func (j *judge) read(ctx context.Context, topic string, partitions []int32, count int, options ...kgo.Opt) []*kgo.Record {
	starts := map[int32]kgo.Offset{}
	for _, partition := range partitions {
		starts[partition] = kgo.NewOffset().AtStart()
	}
	consumer := j.client(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))...)
	defer consumer.Close()
	var found []*kgo.Record
	for len(found) < count {
		fetches := consumer.PollFetches(ctx)
		must(fetches.Err())
		found = append(found, fetches.Records()...)
	}
	return found
}

func values(records []*kgo.Record) answer {
	found := answer{}
	for _, record := range records {
		found = append(found, text(record.Value))
	}
	return found
}

func record(topic string, partition int32, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}
}

// text tells nil from empty, and shortens what is long.
func text(data []byte) string {
	switch {
	case data == nil:
		return "null"
	case len(data) > 40:
		return fmt.Sprintf("%d bytes", len(data))
	}
	return fmt.Sprintf("%q", data)
}

// code names an error as the protocol does.
func code(err error) string {
	var protocol *kerr.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &protocol):
		return protocol.Message
	}
	return fmt.Sprintf("%T", err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// until calls condition again and again; what is told when it never holds.
func until(ctx context.Context, what string, condition func() bool) {
	for !condition() {
		select {
		case <-ctx.Done():
			panic("timed out waiting for " + what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
