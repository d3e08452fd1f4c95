package move

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/consul/api"
)

func collectQueries(ctx context.Context, from *registry, _ Choice, contents *Contents) error {
	queries, err := from.queries(ctx)
	if err != nil {
		return err
	}
	for _, query := range queries {
		name := queryName(query)
		if query.text("Session") != "" {
			contents.leave(Queries, name, "it ends with its session, which does not move")
			continue
		}
		if query.text("Token") != "" {
			contents.leave(Queries, "token of "+name, "tokens stay with the cluster that gave them: set another one there")
		}
		contents.Queries = append(contents.Queries, query.without("CreateIndex", "ModifyIndex", "Session", "Token"))
	}
	return nil
}

func (r *registry) queries(ctx context.Context) (queries []row, err error) {
	return queries, r.list(ctx, "/v1/query", &queries)
}

// queryName is what a query is called to people, and what makes two queries
// one: ids are given by each registry anew. Only queries of sessions, which do
// not move, may be without a name.
func queryName(query row) string {
	name := fmt.Sprintf("query %q", query.text("Name"))
	if template, _ := query["Template"].(map[string]any); row(template).text("Type") != "" {
		name += ", a template"
	}
	return name
}

// queryBody is what a query says.
func queryBody(query row) row {
	return query.without("ID", "CreateIndex", "ModifyIndex", "Session", "Token")
}

func planQueries(ctx context.Context, to *registry, _ Choice, contents *Contents) ([]*Item, error) {
	if len(contents.Queries) == 0 {
		return nil, nil
	}
	queries, err := to.queries(ctx)
	if err != nil {
		return nil, err
	}
	there := map[string]row{}
	for _, query := range queries {
		there[queryName(query)] = query
	}
	var items []*Item
	for _, query := range contents.Queries {
		var definition api.PreparedQueryDefinition
		text, err := json.Marshal(queryBody(query))
		if err == nil {
			err = json.Unmarshal(text, &definition)
		}
		if err != nil {
			return nil, fmt.Errorf("%s of the file: %w", queryName(query), err)
		}
		item := &Item{Name: queryName(query), Fate: New}
		old := there[queryName(query)]
		switch {
		case old == nil:
			item.write = func(ctx context.Context) error {
				_, _, err := to.PreparedQuery().Create(&definition, writing(ctx))
				return err
			}
		case alike(queryBody(old), queryBody(query)):
			item.Fate = Same
		default:
			item.Fate = Different
			item.write = func(ctx context.Context) error {
				definition.ID, definition.Session, definition.Token = old.text("ID"), old.text("Session"), old.text("Token")
				_, err := to.PreparedQuery().Update(&definition, writing(ctx))
				return err
			}
		}
		items = append(items, item)
	}
	return items, nil
}
