//! Answers of kube-apiserver 1.35, recorded.

use super::*;

fn recorded(name: &str) -> Vec<u8> {
    let file = format!("{}/tests/data/kubernetes/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(file).unwrap()
}

fn shown(objects: &[Object]) -> Vec<String> {
    let one = |address: &Address| {
        let Address { ip, service, hostname, pod, dial, .. } = address;
        let (service, hostname) = (service.as_deref(), hostname.as_deref());
        let pod = pod.as_deref();
        let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let dial = if *dial { "dial" } else { "leave" };
        format!("{ip} {} {} {} {dial}", text(pod), text(hostname), text(service))
    };
    objects.iter().flat_map(|object| &object.addresses).map(one).collect()
}

#[test]
fn a_published_pod_is_found_before_it_is_ready_and_a_terminating_one_is_unready() {
    let page = Page::read(Resource::EndpointSlices, &recorded("slices.json")).unwrap();
    assert_eq!(
        shown(&page.objects),
        [
            "fd00:10:244::5 app-0 app-0 app dial",
            "fd00:10:244::a six-0 six-0 app dial",
            "10.244.0.5 app-0 app-0 app dial",
            // publishNotReadyAddresses: ready, and not serving.
            "10.244.0.6 app-1 app-1 app dial",
            // The same, on its way out: ready, serving and terminating.
            "10.244.0.7 app-2 app-2 app leave",
            // Neither ready nor published.
            "10.244.0.8 app-3 app-3 app leave",
            // No conditions, no targetRef, no hostname.
            "10.244.0.9 - - app dial",
        ]
    );
    assert!(page.objects.iter().all(|object| object.problem.is_none()));
    assert_eq!((page.version.parse::<u64>().is_ok(), page.token), (true, None));
}

#[test]
fn endpoints_without_a_target_are_addresses_too_and_a_cut_list_says_that_it_is_cut() {
    let page = Page::read(Resource::Endpoints, &recorded("endpoints.json")).unwrap();
    assert_eq!(
        shown(&page.objects),
        [
            "10.244.0.5 app-0 app-0 app dial",
            "10.244.0.9 - - app dial",
            "10.244.0.8 app-3 app-3 app leave",
        ]
    );
    let said = page.objects[0].problem.as_ref().unwrap();
    assert!(said.message.contains("shop/app") && said.message.contains("1,000"), "{said}");
}

#[test]
fn pods_without_an_address_or_at_their_end_are_none_and_readiness_is_not_asked() {
    let page = Page::read(Resource::Pods, &recorded("pods.json")).unwrap();
    assert_eq!(
        shown(&page.objects),
        [
            "10.244.0.5 app-0 app-0 app dial",
            "10.244.0.6 app-1 app-1 app leave",
            "10.244.0.10 app-4 app-4 app dial",
        ]
    );
    assert_eq!(page.objects.len(), 5);
}

#[test]
fn a_slice_of_names_is_told_and_not_taken_for_an_empty_one() {
    let page = Page::read(Resource::EndpointSlices, &recorded("fqdn.json")).unwrap();
    assert!(page.objects[0].addresses.is_empty());
    let said = page.objects[0].problem.as_ref().unwrap();
    assert!(said.message.contains("db.example.org"), "{said}");
}

#[test]
fn a_page_says_where_the_next_one_begins() {
    let page = Page::read(Resource::EndpointSlices, &recorded("page1.json")).unwrap();
    assert_eq!(page.objects.len(), 1);
    assert!(page.token.unwrap().starts_with("eyJ2Ijoi"));
}

#[test]
fn a_watch_tells_what_is_and_what_was_and_how_far_it_has_come() {
    let text = recorded("watch.txt");
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let events: Vec<_> =
        lines.map(|line| Event::read(Resource::EndpointSlices, line).unwrap()).collect();
    let short = |event: &Event| match event {
        Event::Is(object, _) => format!("is {} {}", object.name, object.addresses.len()),
        Event::Gone(object, _) => format!("gone {}", object.name),
        Event::Bookmark(_) => "bookmark".to_owned(),
        Event::Error(code, _) => code.to_string(),
    };
    assert_eq!(
        events.iter().map(short).collect::<Vec<_>>(),
        ["is app-x4fzq 6", "gone app-9h2wk", "is app-x4fzq 5", "is app-9h2wk 2", "bookmark"]
    );
    let expired = recorded("watch410.txt");
    let event = Event::read(Resource::EndpointSlices, expired.trim_ascii()).unwrap();
    let said = "too old resource version: 20 (233)".to_owned();
    assert_eq!(event, Event::Error(410, said));
}

#[test]
fn an_answer_of_somebody_else_is_never_an_empty_list() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "<html>log in</html>",
        r#"{"kind":"Status","code":200}"#,
        r#"{"kind":"EndpointSliceList"}"#,
        r#"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"}}"#,
        r#"{"kind":"EndpointSliceList","metadata":{},"items":[]}"#,
        r#"{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}"#,
        r#"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":[{}]}"#,
    ] {
        assert!(Page::read(Resource::EndpointSlices, body.as_bytes()).is_err(), "{body}");
    }
    let null = r#"{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":null}"#;
    let page = Page::read(Resource::EndpointSlices, null.as_bytes()).unwrap();
    assert!(page.objects.is_empty());
}

#[test]
fn garbage_is_not_repeated_at_length_nor_with_control_characters() {
    let long = format!(r#"{{"kind":"\u001b[31m{}"}}"#, "x".repeat(10_000));
    let said = Page::read(Resource::Pods, long.as_bytes()).unwrap_err();
    assert!(said.len() < 1000 && !said.contains('\u{1b}'), "{said}");
    let event = format!(r#"{{"type":"\u001b[31m{}","object":{{}}}}"#, "x".repeat(10_000));
    let said = Event::read(Resource::Pods, event.as_bytes()).unwrap_err();
    assert!(said.len() < 1000 && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_pod_of_a_thousand_takes_few_bytes() {
    let page = Page::read(Resource::EndpointSlices, &recorded("slices.json")).unwrap();
    let heap = |address: &Address| {
        let pod = address.pod.as_deref().map_or(0, str::len);
        pod + address.hostname.as_deref().map_or(0, str::len)
    };
    let address = &page.objects[1].addresses[0];
    assert!(size_of::<Address>() + heap(address) < 160, "{}", size_of::<Address>());
}
