// Is a history of conditional puts, gets, deletes and listings linearizable, key by key? The history comes on
// standard input, one JSON object a line (history.py); the checker is Porcupine.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// What a client did and saw. Etag: what a put wrote, or a read found ("" nothing).
type operation struct {
	Client   int    `json:"client"`
	Key      string `json:"key"`
	Call     int64  `json:"call"`
	Return   int64  `json:"return"` // 0: no answer came
	Kind     string `json:"kind"`   // put, delete, read
	Etag     string `json:"etag"`
	IfMatch  string `json:"if_match"`
	IfNone   string `json:"if_none"` // of a read: If-None-Match
	IfAbsent bool   `json:"if_absent"`
	Status   int    `json:"status"` // 0: no answer came
}

// May this put or delete go ahead on that state? And what would it be answered where it may not?
func (o operation) holds(state string) (bool, int) {
	switch {
	case o.IfMatch != "" && state == "":
		return false, 404
	case o.IfMatch != "" && state != o.IfMatch:
		return false, 412
	case o.IfAbsent && state != "":
		return false, 412
	}
	if o.Kind == "delete" {
		return true, 204
	}
	return true, 200
}

// Is this what a read of that state is answered?
func (o operation) sees(state string) bool {
	switch {
	case state == "":
		return o.Status == 404
	case o.IfMatch != "" && state != o.IfMatch:
		return o.Status == 412
	case o.IfNone != "" && state == o.IfNone:
		return o.Status == 304
	}
	return o.Status == 200 && o.Etag == state
}

// A key's state is the ETag of what is there.
var model = porcupine.Model{
	Init: func() interface{} { return "" },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		o, now := input.(operation), state.(string)
		if o.Kind == "read" {
			return o.sees(now), now
		}
		ok, status := o.holds(now)
		if o.Status != 0 && o.Status != status {
			return false, now
		}
		if !ok {
			return true, now
		}
		return true, o.Etag // of a delete none
	},
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		keys := map[string][]porcupine.Operation{}
		for _, one := range history {
			key := one.Input.(operation).Key
			keys[key] = append(keys[key], one)
		}
		var parts [][]porcupine.Operation
		for _, part := range keys {
			parts = append(parts, part)
		}
		return parts
	},
	DescribeOperation: func(input, output interface{}) string {
		text, _ := json.Marshal(input)
		return string(text)
	},
}

func main() {
	var history []porcupine.Operation
	unanswered := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o operation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, "linear: not a history:", err)
			os.Exit(2)
		}
		if o.Return == 0 { // it may take effect at any time from then on, or never
			o.Return = math.MaxInt64
			unanswered++
		}
		history = append(history, porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: o.Return})
	}
	result := porcupine.CheckOperationsTimeout(model, history, 5*time.Minute)
	fmt.Printf("%d operations, %d of them without an answer: %s\n", len(history), unanswered, result)
	if result != porcupine.Ok {
		os.Exit(1)
	}
}
