<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{{title}}</title>
  <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%23006d6a'/%3E%3Cpath d='M14 18l4-4M12.5 13.5l-2 2a4.2 4.2 0 0 0 6 6l2-2M19.5 18.5l2-2a4.2 4.2 0 0 0-6-6l-2 2' fill='none' stroke='%23fff' stroke-width='2.5' stroke-linecap='round'/%3E%3C/svg%3E">
  <link rel="stylesheet" href="{{url('static', filename='links.css')}}">
</head>
<body>
  <header class="top">
    <a class="brand" href="{{url('index')}}">
      <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"/><path d="M14 18l4-4M12.5 13.5l-2 2a4.2 4.2 0 0 0 6 6l2-2M19.5 18.5l2-2a4.2 4.2 0 0 0-6-6l-2 2"/></svg>
      {{app_title}}
    </a>
  </header>
  <main>
    {{!base}}
  </main>
  <footer>A link shortener in Bottle and SQLite.</footer>
</body>
</html>
