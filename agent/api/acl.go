package api

import "net/http"

// aclRoutes are the paths of access control, which there is none of: everyone
// may do everything, and is told so in the words that clients look for.
var aclRoutes = []route{
	{path: "/v1/acl/bootstrap", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/login", post: aclDisabled, place: anywhere},
	{path: "/v1/acl/logout", post: aclDisabled, place: anywhere},
	{path: "/v1/acl/replication", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/policies", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/policy", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/policy/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled, place: anywhere},
	{path: "/v1/acl/policy/name/{name...}", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/roles", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/role", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/role/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled, place: anywhere},
	{path: "/v1/acl/role/name/{name...}", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/binding-rules", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/binding-rule", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/binding-rule/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled, place: anywhere},
	{path: "/v1/acl/auth-methods", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/auth-method", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/auth-method/{name...}", get: aclDisabled, put: aclDisabled, del: aclDisabled, place: anywhere},
	{path: "/v1/acl/tokens", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/token", put: aclDisabled, place: anywhere},
	{path: "/v1/acl/token/self", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/token/{id...}", get: aclDisabled, put: aclDisabled, del: aclDisabled, place: anywhere},
	{path: "/v1/acl/templated-policies", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/templated-policy/name/{name...}", get: aclDisabled, place: anywhere},
	{path: "/v1/acl/templated-policy/preview/{name...}", post: aclDisabled, place: anywhere},
	{path: "/v1/internal/acl/authorize", post: aclDisabled, place: anywhere},
	{path: "/v1/agent/token/{kind...}", put: aclDisabled, place: anywhere},
}

func aclDisabled(*http.Request) (any, error) {
	return nil, &failure{http.StatusUnauthorized, "ACL support disabled"}
}
